#pragma once

#include <cstdint>

namespace mcloss::data {

// RGB of RGBA, in place or elsewhere, rounded as libvips' flatten does.
inline void lay_on_white(const uint8_t* rgba, int64_t pixels, uint8_t* rgb) {
  constexpr int kWhite = 255;
  for (int64_t i = 0; i < pixels; ++i, rgba += 4, rgb += 3) {
    const int alpha = rgba[3];
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<uint8_t>((rgba[c] * alpha + kWhite * (kWhite - alpha)) / kWhite);
    }
  }
}

}  // namespace mcloss::data
