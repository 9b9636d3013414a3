#include "mask.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rand.h>

#include "channel_blocks.h"

namespace mcloss {
namespace {

std::vector<int64_t> resolve_keep(const ChannelBlocks& groups, at::IntArrayRef keep) {
  TORCH_CHECK_VALUE(keep.empty() || keep.size() == groups.blocks.size(),
                    "keep must have one number per block (", groups.blocks.size(), "), got ", keep.size());
  std::vector<int64_t> resolved;
  for (size_t i = 0; i < groups.blocks.size(); ++i) {
    const int64_t channels = groups.blocks[i].channels;
    resolved.push_back(keep.empty() ? (channels + 1) / 2 : keep[i]);
    TORCH_CHECK_VALUE(resolved[i] >= 1 && resolved[i] <= channels, "keep must be from 1 to ", channels,
                      " for groups of ", channels, " channels, got ", resolved[i]);
  }
  return resolved;
}

}  // namespace

at::Tensor draw_mask(at::IntArrayRef block_classes, at::IntArrayRef block_channels, at::IntArrayRef keep,
                     int64_t rows, c10::Device device, const std::optional<at::Generator>& generator) {
  const ChannelBlocks groups = make_channel_blocks(block_classes, block_channels);
  const auto resolved = resolve_keep(groups, keep);
  auto mask = at::empty({rows, groups.channels}, at::TensorOptions().dtype(at::kByte).device(device));
  return fill_mask(mask, block_classes, block_channels, resolved, generator);
}

at::Tensor& fill_mask(at::Tensor& mask, at::IntArrayRef block_classes, at::IntArrayRef block_channels,
                      at::IntArrayRef keep, const std::optional<at::Generator>& generator) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mcloss::draw_mask_", "").typed<decltype(fill_mask)>();
  return op.call(mask, block_classes, block_channels, keep, generator);
}

at::Tensor& fill_mask_composite(at::Tensor& mask, at::IntArrayRef block_classes,
                                at::IntArrayRef block_channels, at::IntArrayRef keep,
                                const std::optional<at::Generator>& generator) {
  const ChannelBlocks groups = make_channel_blocks(block_classes, block_channels);
  const auto options = mask.options().dtype(at::kFloat);
  for (size_t i = 0; i < groups.blocks.size(); ++i) {
    const auto& block = groups.blocks[i];
    // The rank of each channel in a random order is below `keep` for exactly `keep` channels.
    const auto order = at::rand({mask.size(0), block.classes, block.channels}, generator, options);
    const auto rank = order.argsort(-1, false).argsort(-1, false);
    mask.narrow(1, block.first_channel, block.classes * block.channels).copy_((rank < keep[i]).flatten(1));
  }
  return mask;
}

}  // namespace mcloss
