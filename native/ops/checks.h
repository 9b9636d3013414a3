#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "channel_blocks.h"
#include "diversity_over.h"

namespace mcloss {

// Whether a tensor has no data but only records what is done to it, as under torch.compile.
bool is_traced(const at::Tensor& tensor);

// The arguments that every form of the loss takes. Each throws an error that names the argument and the
// shapes. Labels are integers [N], or distributions over the classes, floating point [N, K].
void check_features(const at::Tensor& features, const ChannelBlocks& groups);
void check_labels(const at::Tensor& labels, const at::Tensor& features, const ChannelBlocks& groups);
// The mask as [1, C] or [N, C].
at::Tensor check_mask(const at::Tensor& mask, const at::Tensor& features);

// Whether a cross-channel pooling is "max" rather than "mean"; there are no others.
bool is_max(std::string_view pooling, const char* argument);

// "classes", "blocks", "own" or "scores"; there are no others.
DiversityOver to_diversity_over(std::string_view name);

}  // namespace mcloss
