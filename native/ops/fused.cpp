#include "fused.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace mcloss {

FusedResult fused(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                  at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha, double beta,
                  const std::optional<at::Tensor>& weights, std::string_view pooling,
                  std::string_view diversity_pooling, std::string_view diversity_over, bool with_gradient) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mcloss::fused", "").typed<decltype(fused)>();
  return op.call(features, labels, mask, block_classes, block_channels, alpha, beta, weights, pooling,
                 diversity_pooling, diversity_over, with_gradient);
}

at::Tensor& scale_gradient(at::Tensor& gradient, const at::Tensor& scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mcloss::scale_gradient_", "")
                             .typed<decltype(scale_gradient)>();
  return op.call(gradient, scale);
}

}  // namespace mcloss
