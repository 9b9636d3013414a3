#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>
#include <vector>

#include "batch_transfer.h"

namespace mcloss::data {

using Rgb = std::array<double, 3>;

// Per-sample augmentation and the normalisation of a batch.
struct Preparation {
  // Height and width of the result.
  std::vector<int64_t> size;
  // int32 [N, 3] as mcloss::prepare_images takes them, or:
  std::optional<at::Tensor> windows;
  // [N, 2, 3], torch.nn.functional.affine_grid's convention with align_corners=false.
  std::optional<at::Tensor> theta;
  // [N, 3, 3] on RGB in [0, 1]; contrast [N] scales about the image's own mean grey first.
  std::optional<at::Tensor> color;
  std::optional<at::Tensor> contrast;
  // int32 [N, 4] as mcloss::prepare_images takes them.
  std::optional<at::Tensor> erased;
  Rgb erased_color;
  Rgb mean;
  Rgb std;
  Rgb fill;  // 0 to 255, for places that geometry brings in from outside
  at::ScalarType dtype = at::kFloat;
};

// A batch on the host.
struct PixelBatch {
  at::Tensor pixels;                 // uint8 [N, H, W, 3]
  std::optional<at::Tensor> labels;  // int64
  std::optional<at::Tensor> memory;  // see send_together()
  Preparation preparation;
};

// The labels, and the images augmented and normalised, [N, 3, *size] (channels_last) on `device`.
PreparedBatch prepare_batch(const PixelBatch& batch, c10::Device device);

}  // namespace mcloss::data
