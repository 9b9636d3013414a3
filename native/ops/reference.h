#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <tuple>

#include "export.h"

namespace mcloss {

// The Mutual-Channel Loss composed of ATen operators (paper, equations 3 to 9), differentiable twice.
//   features [N, C, H, W]; labels integer [N], or floating point [N, K]: distributions over the classes; mask
//   [C], [1, C] or [N, C], 1 keeps; when it is absent one is drawn. pooling and diversity_pooling: "max"
//   (CCMP) or "mean" (CCAP); diversity_over: see DiversityOver.
// Returns (alpha * discriminality + beta * diversity, discriminality, diversity), float32 scalars (float64
// for float64 features).
MCLOSS_OPS_API std::tuple<at::Tensor, at::Tensor, at::Tensor> reference(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over);

// g[n, k] = mean over positions of the max (or mean) over the channels of class k: [N, K].
MCLOSS_OPS_API at::Tensor group_scores(const at::Tensor& features, at::IntArrayRef block_classes,
                                       at::IntArrayRef block_channels, std::string_view pooling);

}  // namespace mcloss
