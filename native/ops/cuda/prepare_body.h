#pragma once

#include "../prepare_arguments.h"
#include "device.h"

namespace mcloss::cuda {

MCLOSS_DEVICE bool is_erased(const int32_t* box, int y, int x) {
  return y >= box[0] && y - box[0] < box[2] && x >= box[1] && x - box[1] < box[3];
}

// Writes pixel `index` of the output, counted sample by sample and row by row.
template <class S>
MCLOSS_DEVICE void prepare_pixel(const PrepareArguments& a, int64_t index) {
  const int x = static_cast<int>(index % a.width);
  const int y = static_cast<int>(index / a.width % a.height);
  const int64_t sample = index / a.width / a.height;
  const int32_t* window = a.windows ? a.windows + sample * 3 : nullptr;
  const int row = y + (window ? window[0] : 0);
  const int column = (window ? window[1] : 0) + (window && window[2] != 0 ? a.width - 1 - x : x);
  const bool inside = row >= 0 && row < a.in_height && column >= 0 && column < a.in_width;
  const bool erased = a.erased && is_erased(a.erased + sample * 4, y, x);
  const uint8_t* pixel = a.pixels + ((sample * a.in_height + row) * a.in_width + column) * 3;
  S* output = static_cast<S*>(a.output) + index * 3;
  for (int c = 0; c < 3; ++c) {
    const float value = inside ? static_cast<float>(pixel[c]) : a.fill[c];
    const float normalized = (value / 255.0F - a.mean[c]) / a.std[c];
    output[c] = Narrow<S, float>::of(erased ? a.erased_color[c] : normalized);
  }
}

}  // namespace mcloss::cuda
