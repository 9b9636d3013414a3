#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <optional>

namespace mcloss {

// Channel-wise attention (paper, section III-B): in each group a uniformly random subset of `keep` channels
// is kept. `keep` has one number per block, or is empty for ceil(channels / 2). Returns uint8 [rows, C].
at::Tensor draw_mask(at::IntArrayRef block_classes, at::IntArrayRef block_channels, at::IntArrayRef keep,
                     int64_t rows, c10::Device device, const std::optional<at::Generator>& generator);

}  // namespace mcloss
