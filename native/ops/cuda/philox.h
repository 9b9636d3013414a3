#pragma once

#include "device.h"

namespace mcloss::cuda {

// Philox4x32-10 (Salmon et al., SC 2011), the generator behind PyTorch's CUDA generators: four random words
// from a counter and a key.
struct PhiloxWords {
  uint32_t words[4];
};

MCLOSS_DEVICE PhiloxWords philox(uint64_t seed, uint64_t subsequence, uint64_t offset) {
  PhiloxWords c{{static_cast<uint32_t>(offset), static_cast<uint32_t>(offset >> 32),
                 static_cast<uint32_t>(subsequence), static_cast<uint32_t>(subsequence >> 32)}};
  auto key0 = static_cast<uint32_t>(seed);
  auto key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * c.words[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * c.words[2];
    c = {{static_cast<uint32_t>(product1 >> 32) ^ c.words[1] ^ key0, static_cast<uint32_t>(product1),
          static_cast<uint32_t>(product0 >> 32) ^ c.words[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c;
}

// Keeps a uniformly random subset of `keep` of `channels` (Knuth, algorithm 3.4.2 S): each channel is kept
// with the chance of those still wanted among those still left. `offset` counts words of four.
MCLOSS_DEVICE void draw_subset(uint64_t seed, uint64_t subsequence, uint64_t offset, int channels, int keep,
                               uint8_t* mask) {
  int wanted = keep;
  PhiloxWords random{};
  for (int j = 0; j < channels; ++j) {
    if (j % 4 == 0) random = philox(seed, subsequence, offset + static_cast<uint64_t>(j / 4));
    // In [0, left): the product's upper word, whose bias is below 2^-26 for up to 64 channels.
    const auto left = static_cast<uint64_t>(channels - j);
    const auto drawn = static_cast<int>((random.words[j % 4] * left) >> 32);
    const bool kept = drawn < wanted;
    mask[j] = static_cast<uint8_t>(kept);
    wanted -= static_cast<int>(kept);
  }
}

}  // namespace mcloss::cuda
