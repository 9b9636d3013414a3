#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <tuple>

namespace mcloss {

// loss, discriminality, diversity: scalars of the accumulation type; the gradient, like the features, or
// empty where it was not asked for; the groups' scores [N, K], of the accumulation type.
using FusedResult = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

// mcloss::fused, which every device implements: one pass over the features. `labels` int64 [N], or of the
// accumulation type [N, K]; `mask` uint8 [1, C] or [N, C]; `weights`, of the accumulation type and on the
// features' device, multiplies alpha and beta: a scalar both, [2] each.
FusedResult fused(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                  at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha, double beta,
                  const std::optional<at::Tensor>& weights, std::string_view pooling,
                  std::string_view diversity_pooling, std::string_view diversity_over, bool with_gradient);

// mcloss::scale_gradient_: multiplies a float32 or float64 gradient in place by a scalar of its type and
// device, unless that is 1.
at::Tensor& scale_gradient(at::Tensor& gradient, const at::Tensor& scale);

}  // namespace mcloss
