#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "fused_arguments.h"

namespace mcloss::cuda {

// How a sample is cut into tiles of whole classes, which one block of threads takes each.

constexpr int kMostWarps = 32;
constexpr int kPackBytes = 16;  // what one thread reads or writes at once
constexpr int kMostPast = 8;    // elements of a pack

// Shared memory of a tile of `classes` classes; see SharedTile in fused_body.h.
inline int64_t tile_bytes(int64_t classes, int64_t channels, const FusedArguments& a, int64_t element_size) {
  const int64_t rows = classes * channels;
  const int64_t elements = kMostWarps + 4 * rows + classes;
  if (!a.staged) return elements * element_size;
  const int64_t places = classes * a.positions;
  const int64_t staged = rows * a.row_stride + kMostPast + places;
  return (elements + staged) * element_size + 2 * places * static_cast<int64_t>(sizeof(uint16_t));
}

// The most classes of `channels` channels whose tile fits.
inline int64_t classes_that_fit(int64_t channels, const FusedArguments& a, int64_t element_size,
                                int64_t bytes) {
  const int64_t fixed = tile_bytes(0, channels, a, element_size);
  const int64_t each = tile_bytes(1, channels, a, element_size) - fixed;
  return bytes <= fixed ? 0 : (bytes - fixed) / each;
}

inline int widest_group(const ChannelTable& table) {
  return *std::max_element(table.channels, table.channels + table.blocks);
}

// Classes of a tile: at most `fits`, about `wanted` or fewer; all tiles of about the same number, a multiple
// of `even` if that is possible.
inline int64_t choose_tile_classes(int64_t classes, int64_t fits, int64_t wanted, int64_t even) {
  const int64_t step = fits >= even ? even : 1;
  const int64_t most = std::max(step, std::min(fits, wanted) / step * step);
  if (most >= classes) return classes;
  const int64_t tiles = (classes + most - 1) / most;
  const int64_t each = (classes + tiles - 1) / tiles;
  return (each + step - 1) / step * step;
}

// Cuts into tiles that fit `bytes`, of at least one class and about `wanted_classes`. In channels_last a
// tile's channels are whole packs if possible.
inline void cut_into_tiles(FusedArguments& a, int64_t element_size, int64_t pack, int64_t bytes,
                           int64_t wanted_classes) {
  auto& table = a.table;
  a.tiles = 0;
  for (int i = 0; i < table.blocks; ++i) {
    const int64_t channels = table.channels[i];
    const int64_t fits =
        a.staged ? std::max<int64_t>(1, classes_that_fit(channels, a, element_size, bytes)) : 1;
    const int64_t even = a.channels_last ? pack / std::gcd(pack, channels) : 1;
    const int64_t chosen = choose_tile_classes(table.classes[i], fits, wanted_classes, even);
    table.tile_classes[i] = static_cast<int>(chosen);
    table.first_tile[i] = a.tiles;
    a.tiles += (table.classes[i] + table.tile_classes[i] - 1) / table.tile_classes[i];
  }
}

// Of the largest tile.
inline int64_t shared_bytes(const FusedArguments& a, int64_t element_size) {
  int64_t largest = 0;
  for (int i = 0; i < a.table.blocks; ++i) {
    largest = std::max(largest, tile_bytes(a.table.tile_classes[i], a.table.channels[i], a, element_size));
  }
  return largest;
}

// Few lanes for few positions, so that fewer of them have nothing to do.
inline int choose_row_lanes(int positions) {
  if (positions <= 64) return 8;
  return positions <= 256 ? 16 : 32;
}

// Shared memory of one multiprocessor and the most that one block of threads may have, in bytes.
struct GpuLimits {
  int64_t multiprocessors;
  int64_t multiprocessor_memory;
  int64_t block_memory;
};

// Decides `staged`, `tiles` and what belongs to them; returns the shared memory of a block. Several blocks to
// a multiprocessor, so that some load while others compute; fewer where a class is large.
inline void plan_tiles(FusedArguments& a, int64_t element_size, int64_t pack, const GpuLimits& gpu) {
  constexpr int64_t kReserved = 1024;  // of each block, by the system
  a.row_lanes = choose_row_lanes(a.positions);
  // In channels_last neighbouring threads write neighbouring rows: an odd distance keeps them on different
  // banks.
  a.row_stride = a.channels_last ? a.positions | 1 : a.positions;
  a.staged = true;
  // Few samples are cut smaller, so that every multiprocessor has something to do.
  const int64_t wanted = (2 * gpu.multiprocessors + a.samples - 1) / a.samples;
  const int64_t wanted_classes = std::max<int64_t>(1, a.classes / wanted);
  const int64_t one_class = tile_bytes(1, widest_group(a.table), a, element_size);
  for (const int64_t blocks : {4, 2, 1}) {
    const int64_t share = std::min(gpu.block_memory, gpu.multiprocessor_memory / blocks - kReserved);
    if (one_class > share) continue;
    cut_into_tiles(a, element_size, pack, share, wanted_classes);
    return;
  }
  a.staged = false;
  cut_into_tiles(a, element_size, pack, 0, 1);
}

}  // namespace mcloss::cuda
