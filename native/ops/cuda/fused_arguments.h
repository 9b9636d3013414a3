#pragma once

#include <cstdint>

namespace mcloss::cuda {

// Which channels belong to which class, small enough to travel with a kernel's arguments.
struct ChannelTable {
  static constexpr int kMostBlocks = 64;
  int blocks;
  int first_class[kMostBlocks];
  int first_channel[kMostBlocks];
  int channels[kMostBlocks];  // of each class
};

// Everything that the fused kernels read and write. S is the features' type, T float or double.
struct FusedArguments {
  const void* features;   // S
  void* gradient;         // S, laid out as the features, or null
  const int64_t* labels;  // [samples]
  const uint8_t* mask;    // [channels] for all samples, or for each
  const void* weights;    // T [2], multiply alpha and beta; null for 1
  double alpha;
  double beta;
  int64_t mask_stride;    // 0 where all samples share a mask
  int64_t sample_stride;  // elements
  int64_t channel_stride;
  int64_t position_stride;
  int samples;
  int classes;
  int positions;
  bool max_score;
  bool max_coverage;
  bool staged;  // a group's values fit the block's shared memory
  ChannelTable table;
  void* scores;   // T [samples, classes]: g
  void* covered;  // T [samples, classes]: h / channels
  void* entropy;  // T [samples]
  void* loss;     // T, as the next two
  void* discriminality;
  void* diversity;
};

struct Group {
  int first_channel;
  int channels;
};

}  // namespace mcloss::cuda
