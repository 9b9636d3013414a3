#pragma once

#include "../channel_blocks.h"
#include "fused_arguments.h"

namespace mcloss::cuda {

// `groups` may have at most ChannelTable::kMostBlocks blocks.
inline ChannelTable make_channel_table(const ChannelBlocks& groups) {
  ChannelTable table{};
  int first_class = 0;
  for (const auto& block : groups.blocks) {
    table.first_class[table.blocks] = first_class;
    table.first_channel[table.blocks] = static_cast<int>(block.first_channel);
    table.channels[table.blocks] = static_cast<int>(block.channels);
    table.classes[table.blocks] = static_cast<int>(block.classes);
    first_class += static_cast<int>(block.classes);
    ++table.blocks;
  }
  return table;
}

}  // namespace mcloss::cuda
