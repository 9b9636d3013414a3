#include "batch_norm_kernel.h"

#include "instruction_set.h"

namespace mcloss::cpu {
namespace {

template <class S>
BatchNormKernel<S> find_kernel() {
#if defined(__x86_64__)
  const auto has = instruction_set();
  if (has == InstructionSet::kAvx512) return avx512::make_batch_norm_kernel<S>();
  if (has == InstructionSet::kAvx2) return avx2::make_batch_norm_kernel<S>();
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
