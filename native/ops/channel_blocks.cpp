#include "channel_blocks.h"

#include <c10/util/Exception.h>

namespace mcloss {

ChannelBlocks make_channel_blocks(c10::IntArrayRef block_classes, c10::IntArrayRef block_channels) {
  TORCH_CHECK_VALUE(!block_classes.empty() && block_classes.size() == block_channels.size(),
                    "block_classes and block_channels must be non-empty lists of one length, got ",
                    block_classes.size(), " and ", block_channels.size());
  ChannelBlocks result;
  for (size_t i = 0; i < block_classes.size(); ++i) {
    TORCH_CHECK_VALUE(block_classes[i] > 0 && block_channels[i] > 0, "block ", i,
                      " must have positive counts, got ", block_classes[i], " classes of ", block_channels[i],
                      " channels");
    result.blocks.push_back({block_classes[i], block_channels[i], result.channels});
    result.classes += block_classes[i];
    result.channels += block_classes[i] * block_channels[i];
  }
  return result;
}

}  // namespace mcloss
