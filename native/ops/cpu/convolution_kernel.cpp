#include "convolution_kernel.h"

#include <optional>

#include "instruction_set.h"

namespace mcloss::cpu {

const ConvolutionKernel* convolution_kernel() {
#if defined(__x86_64__)
  static const auto kernel = []() -> std::optional<ConvolutionKernel> {
    const auto has = instruction_set();
    if (has == InstructionSet::kBaseline) return std::nullopt;
    return has == InstructionSet::kAvx512 ? avx512::make_convolution_kernel()
                                          : avx2::make_convolution_kernel();
  }();
  return kernel ? &*kernel : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace mcloss::cpu
