#pragma once

#include <ATen/core/Tensor.h>

#include "channel_blocks.h"

namespace mcloss {

// The arguments that every form of the loss takes. Each throws an error that names the argument and the
// shapes.
void check_features(const at::Tensor& features, const ChannelBlocks& groups);
void check_labels(const at::Tensor& labels, const at::Tensor& features, const ChannelBlocks& groups);
// The mask as [1, C] or [N, C].
at::Tensor check_mask(const at::Tensor& mask, const at::Tensor& features);

}  // namespace mcloss
