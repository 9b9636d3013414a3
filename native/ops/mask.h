#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <optional>

#include "export.h"

namespace mcloss {

// mcloss::draw_mask, channel-wise attention (paper, section III-B): in each group a uniformly random subset
// of `keep` channels is kept. `keep` has one number per block, or is empty for ceil(channels / 2). Returns
// uint8 [rows, C].
MCLOSS_OPS_API at::Tensor draw_mask(at::IntArrayRef block_classes, at::IntArrayRef block_channels,
                                    at::IntArrayRef keep, int64_t rows, c10::Device device,
                                    const std::optional<at::Generator>& generator);

// mcloss::draw_mask_, which every device implements: fills `mask` [rows, C]. `keep` has a number for each
// block.
at::Tensor& fill_mask(at::Tensor& mask, at::IntArrayRef block_classes, at::IntArrayRef block_channels,
                      at::IntArrayRef keep, const std::optional<at::Generator>& generator);

// By ATen's operators, on any device.
decltype(fill_mask) fill_mask_composite;

}  // namespace mcloss
