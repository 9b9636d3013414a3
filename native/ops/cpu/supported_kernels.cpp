#include "supported_kernels.h"

namespace mcloss::cpu {
namespace {

template <class T>
std::vector<NamedKernel<T>> find_kernels() {
  std::vector<NamedKernel<T>> kernels;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) kernels.push_back({"AVX-512", avx512::make_group_kernel<T>()});
  if (avx2) kernels.push_back({"AVX2", avx2::make_group_kernel<T>()});
#endif
  kernels.push_back({"baseline", baseline::make_group_kernel<T>()});
  return kernels;
}

}  // namespace

template <>
const std::vector<NamedKernel<float>>& supported_kernels() {
  static const auto kernels = find_kernels<float>();
  return kernels;
}

template <>
const std::vector<NamedKernel<double>>& supported_kernels() {
  static const auto kernels = find_kernels<double>();
  return kernels;
}

}  // namespace mcloss::cpu
