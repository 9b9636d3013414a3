#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <tuple>

#include "export.h"

namespace mcloss {

// reference()'s arguments and results in the fastest form there is: on the CPU with max pooling one fused
// pass, whose gradient of `loss` is made in the forward pass; otherwise the reference form. Each result is
// differentiable by itself, once.
MCLOSS_OPS_API std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling);

}  // namespace mcloss
