#pragma once

#include <cstdint>

#include "../diversity_over.h"

namespace mcloss::cuda {

// Which channels belong to which class and how classes are taken together in tiles, small enough to travel
// with a kernel's arguments.
struct ChannelTable {
  static constexpr int kMostBlocks = 64;
  int blocks;
  int first_class[kMostBlocks];
  int first_channel[kMostBlocks];
  int channels[kMostBlocks];  // of each class
  int classes[kMostBlocks];
  int tile_classes[kMostBlocks];  // of each tile but the last
  int first_tile[kMostBlocks];
};

// Everything that the fused kernels read and write. S is the features' type, T float or double.
struct FusedArguments {
  const void* features;   // S
  void* gradient;         // S, laid out as the features, or null
  const int64_t* labels;  // [samples], or null where there are targets
  const void* targets;    // T [samples, classes]: how much of each class a sample is, or null
  const uint8_t* mask;    // [channels] for all samples, or for each
  const void* weights;    // T, multiplies alpha and beta; null for 1
  int weights_stride;     // 0 where both have the same
  double alpha;
  double beta;
  int64_t sample_stride;  // elements
  int mask_stride;        // 0 where all samples share a mask
  int samples;
  int classes;
  int channels;
  int positions;
  bool channels_last;
  bool max_score;
  bool max_coverage;
  DiversityOver diversity_over;
  bool staged;     // a tile's values fit the block's shared memory; else a tile is one class
  int tiles;       // of each sample
  int row_stride;  // of channels in shared memory, in elements
  int row_lanes;   // lanes of a warp that share a channel: a power of two
  ChannelTable table;
  void* scores;        // T [samples, classes]: g
  void* covered;       // T [samples, classes]: h / channels
  void* log_sums;      // T [samples]
  void* entropy;       // T [samples]
  uint16_t* winners;   // [samples, classes, 2, positions] where tiles are not staged, else null
  unsigned* counters;  // [2 + 2 samples], from 0 on: see Progress in progress.h
  void* loss;          // T, as the next two
  void* discriminality;
  void* diversity;
};

}  // namespace mcloss::cuda
