#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

#include "../distributed/process_group.h"

namespace mcloss::train {

// How each image of a batch is mixed with the one before it, the first with the last.
struct Mixing {
  int64_t classes;  // of the targets
  double share;     // how much of the result is the image itself
  // top, left, height, width of what comes from the other image; without it the two are averaged by `share`.
  std::optional<std::array<int64_t, 4>> box;
};

struct MixedBatch {
  at::Tensor images;
  at::Tensor targets;  // [N, classes], distributions
};

// `labels` int64 [N], or floating point [N, classes]. The batch is the whole one: of several processes each
// has every size()-th image from rank() on, and all must have equally many.
MixedBatch mix_batch(const at::Tensor& images, const at::Tensor& labels, const Mixing& mixing,
                     distributed::ProcessGroup* group);

}  // namespace mcloss::train
