#include "mask.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>

#include "channel_blocks.h"

namespace mcloss {

at::Tensor draw_mask(at::IntArrayRef block_classes, at::IntArrayRef block_channels, at::IntArrayRef keep,
                     int64_t rows, c10::Device device, const std::optional<at::Generator>& generator) {
  const ChannelBlocks groups = make_channel_blocks(block_classes, block_channels);
  TORCH_CHECK_VALUE(keep.empty() || keep.size() == groups.blocks.size(),
                    "keep must have one number per block (", groups.blocks.size(), "), got ", keep.size());
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  std::vector<at::Tensor> masks;
  for (size_t i = 0; i < groups.blocks.size(); ++i) {
    const auto& block = groups.blocks[i];
    const int64_t kept = keep.empty() ? (block.channels + 1) / 2 : keep[i];
    TORCH_CHECK_VALUE(kept >= 1 && kept <= block.channels, "keep must be from 1 to ", block.channels,
                      " for groups of ", block.channels, " channels, got ", kept);
    // The rank of each channel in a random order is below `kept` for exactly `kept` channels.
    const auto order = at::rand({rows, block.classes, block.channels}, generator, options);
    const auto rank = order.argsort(-1, false).argsort(-1, false);
    masks.push_back((rank < kept).to(at::kByte).reshape({rows, block.classes * block.channels}));
  }
  return at::cat(masks, 1);
}

}  // namespace mcloss
