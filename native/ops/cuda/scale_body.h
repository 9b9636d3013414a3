#pragma once

#include "device.h"

namespace mcloss::cuda {

// Multiplies in place by a factor, unless that is 1. All blocks of a grid.
template <class T>
MCLOSS_DEVICE void scale_values(T* values, int64_t count, T factor) {
  if (factor == T(1)) return;
  constexpr int kSize = Pack<T>::kSize;
  const int64_t first = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t before = past_pack(values) == 0 ? 0 : kSize - past_pack(values);
  const int64_t head = before < count ? before : count;
  const int64_t packs = (count - head) / kSize;
  auto* pack = reinterpret_cast<Pack<T>*>(values + head);
  for (int64_t i = first; i < packs; i += step) {
    Pack<T> scaled = pack[i];
    for (int e = 0; e < kSize; ++e) scaled.values[e] *= factor;
    pack[i] = scaled;
  }
  const int64_t tail = head + packs * kSize;
  for (int64_t i = first; i < head; i += step) values[i] *= factor;
  for (int64_t i = tail + first; i < count; i += step) values[i] *= factor;
}

}  // namespace mcloss::cuda
