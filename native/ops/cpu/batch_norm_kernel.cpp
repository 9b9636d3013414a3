#include "batch_norm_kernel.h"

namespace mcloss::cpu {
namespace {

template <class S>
BatchNormKernel<S> find_kernel() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) return avx512::make_batch_norm_kernel<S>();
  if (avx2) return avx2::make_batch_norm_kernel<S>();
#endif
  return baseline::make_batch_norm_kernel<S>();
}

}  // namespace

template <>
const BatchNormKernel<Brain16>& batch_norm_kernel() {
  static const auto kernel = find_kernel<Brain16>();
  return kernel;
}

template <>
const BatchNormKernel<float>& batch_norm_kernel() {
  static const auto kernel = find_kernel<float>();
  return kernel;
}

template <>
const BatchNormKernel<double>& batch_norm_kernel() {
  static const auto kernel = find_kernel<double>();
  return kernel;
}

}  // namespace mcloss::cpu
