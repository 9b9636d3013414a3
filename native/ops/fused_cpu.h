#pragma once

#include <ATen/core/Tensor.h>

#include "channel_blocks.h"

namespace mcloss {

// What the fused pass is to produce the gradient of: the sum of the two means with these weights.
struct FusedWeights {
  double discriminality;
  double diversity;
};

struct FusedResult {
  at::Tensor discriminality;  // scalars of the accumulation type
  at::Tensor diversity;
  at::Tensor gradient;  // like the features; undefined where it is not asked for
};

// The loss with max pooling in one pass over the features: sample by sample, the gradient written while the
// sample is in cache. Contiguous and channels_last features are read where they are. The result does not
// depend on the number of threads. `mask` is uint8 [1, C] or [N, C].
FusedResult fused_cpu(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                      const ChannelBlocks& groups, FusedWeights weights, bool with_gradient);

}  // namespace mcloss
