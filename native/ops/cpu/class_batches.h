#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../channel_blocks.h"

namespace mcloss::cpu {

// Classes side by side of equally many channels each, that are worked on together.
struct ClassBatch {
  int64_t first_class;
  int64_t classes;
  int64_t first_channel;
  int64_t channels;       // of each class
  int64_t block_classes;  // of the block that they are part of

  int64_t rows() const { return classes * channels; }
};

inline int64_t widest_group(const ChannelBlocks& groups) {
  int64_t widest = 0;
  for (const auto& block : groups.blocks) widest = std::max(widest, block.channels);
  return widest;
}

// All classes, in batches of at most `most_rows` channels (or of one class).
inline std::vector<ClassBatch> make_class_batches(const ChannelBlocks& groups, int64_t most_rows) {
  std::vector<ClassBatch> batches;
  int64_t first_class = 0;
  for (const auto& block : groups.blocks) {
    const int64_t most = std::max<int64_t>(1, most_rows / block.channels);
    for (int64_t k = 0; k < block.classes; k += most) {
      const int64_t classes = std::min(most, block.classes - k);
      batches.push_back({first_class + k, classes, block.first_channel + k * block.channels, block.channels,
                         block.classes});
    }
    first_class += block.classes;
  }
  return batches;
}

// Batches side by side.
struct BatchRange {
  int64_t begin;
  int64_t end;
};

// Part `index` of `parts` of all batches.
inline BatchRange part_of(const std::vector<ClassBatch>& batches, int64_t index, int64_t parts) {
  const auto count = static_cast<int64_t>(batches.size());
  return {count * index / parts, count * (index + 1) / parts};
}

}  // namespace mcloss::cpu
