#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <tuple>

#include "export.h"

namespace mcloss {

// mcloss::mc_loss: reference()'s arguments and results by one fused pass, which makes the gradient of `loss`
// in the forward pass; for half types the backward pass makes it, as the scale must come before the rounding.
// Each result is differentiable by itself, once.
MCLOSS_OPS_API std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over);

struct ChannelEvaluation {
  at::Tensor loss, discriminality, diversity;
  at::Tensor scores;  // of each group [N, K]; see group_scores()
};

// The same over whole groups (no mask), in one pass without a gradient.
MCLOSS_OPS_API ChannelEvaluation evaluate_channels(const at::Tensor& features, const at::Tensor& labels,
                                                   at::IntArrayRef block_classes,
                                                   at::IntArrayRef block_channels, double alpha, double beta,
                                                   std::string_view pooling,
                                                   std::string_view diversity_pooling,
                                                   std::string_view diversity_over);

// Its kernels: for any device without and with autograd, and under autocast.
using Kernel = decltype(mc_loss);
Kernel mc_loss_forward;
Kernel mc_loss_autograd;
Kernel mc_loss_autocast;

}  // namespace mcloss
