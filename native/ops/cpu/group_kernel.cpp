#include "group_kernel.h"

namespace mcloss::cpu {
namespace {

template <class T>
GroupKernel<T> choose() {
#if defined(__x86_64__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) return avx512::make_group_kernel<T>();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::make_group_kernel<T>();
#endif
  return baseline::make_group_kernel<T>();
}

}  // namespace

template <>
const GroupKernel<float>& group_kernel() {
  static const auto kernel = choose<float>();
  return kernel;
}

template <>
const GroupKernel<double>& group_kernel() {
  static const auto kernel = choose<double>();
  return kernel;
}

}  // namespace mcloss::cpu
