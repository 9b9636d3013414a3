#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <tuple>

namespace mcloss {

// loss, discriminality, diversity: scalars of the accumulation type; the gradient is like the features, or
// empty where it was not asked for.
using FusedResult = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

// mcloss::fused, which every device implements: one pass over the features. `labels` int64 [N]; `mask` uint8
// [1, C] or [N, C]; `weights` [2], on the features' device, takes the place of alpha and beta.
FusedResult fused(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                  at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha, double beta,
                  const std::optional<at::Tensor>& weights, std::string_view pooling,
                  std::string_view diversity_pooling, bool with_gradient);

// mcloss::scale_gradient_: multiplies in place by a scalar on the same device, unless that is 1.
at::Tensor& scale_gradient(at::Tensor& gradient, const at::Tensor& scale);

}  // namespace mcloss
