#pragma once

#include "../prepare_arguments.h"
#include "device.h"

namespace mcloss::cuda {

MCLOSS_DEVICE bool is_erased(const int32_t* box, int y, int x) {
  return y >= box[0] && y - box[0] < box[2] && x >= box[1] && x - box[1] < box[3];
}

// Writes pixel `index` of a sample's output, counted row by row.
template <class S>
MCLOSS_DEVICE void prepare_pixel(const PrepareArguments& a, int sample, int index) {
  const int y = index / a.width;
  const int x = index - y * a.width;
  const int32_t* window = a.windows ? a.windows + sample * 3 : nullptr;
  const int row = y + (window ? window[0] : 0);
  const int column = (window ? window[1] : 0) + (window && window[2] != 0 ? a.width - 1 - x : x);
  const bool inside = row >= 0 && row < a.in_height && column >= 0 && column < a.in_width;
  const bool erased = a.erased && is_erased(a.erased + sample * 4, y, x);
  const uint8_t* pixel =
      a.pixels + ((static_cast<int64_t>(sample) * a.in_height + row) * a.in_width + column) * 3;
  S* output = static_cast<S*>(a.output) + (static_cast<int64_t>(sample) * a.height * a.width + index) * 3;
  for (int c = 0; c < 3; ++c) {
    const float value = inside ? static_cast<float>(pixel[c]) : a.fill[c];
    const float normalized = (value / 255.0F - a.mean[c]) / a.std[c];
    output[c] = Narrow<S, float>::of(erased ? a.erased_color[c] : normalized);
  }
}

}  // namespace mcloss::cuda
