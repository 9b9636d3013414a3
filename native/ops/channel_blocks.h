#pragma once

#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <vector>

namespace mcloss {

// A run of `classes` consecutive classes that own `channels` consecutive channels each.
struct ChannelBlock {
  int64_t classes;
  int64_t channels;
  int64_t first_channel;
};

struct ChannelBlocks {
  std::vector<ChannelBlock> blocks;
  int64_t classes = 0;
  int64_t channels = 0;
};

// Pairs the two lists of an operator call; throws a ValueError when they do not match.
ChannelBlocks make_channel_blocks(c10::IntArrayRef block_classes, c10::IntArrayRef block_channels);

}  // namespace mcloss
