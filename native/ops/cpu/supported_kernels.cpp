#include "supported_kernels.h"

#include "instruction_set.h"

namespace mcloss::cpu {
namespace {

template <class T>
std::vector<NamedKernel<T>> find_kernels() {
  std::vector<NamedKernel<T>> kernels;
#if defined(__x86_64__)
  const auto has = instruction_set();
  if (has >= InstructionSet::kAvx512) kernels.push_back({"AVX-512", avx512::make_group_kernel<T>()});
  if (has >= InstructionSet::kAvx2) kernels.push_back({"AVX2", avx2::make_group_kernel<T>()});
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
