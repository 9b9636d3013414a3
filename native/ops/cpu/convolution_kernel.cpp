#include "convolution_kernel.h"

#include <optional>

namespace mcloss::cpu {

const ConvolutionKernel* convolution_kernel() {
#if defined(__x86_64__)
  static const auto kernel = []() -> std::optional<ConvolutionKernel> {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return std::nullopt;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
      return avx512::make_convolution_kernel();
    }
    return avx2::make_convolution_kernel();
  }();
  return kernel ? &*kernel : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace mcloss::cpu
