#pragma once

#include <cstdint>

namespace mcloss::data {

enum class Filter { kBilinear, kBicubic, kLanczos };

struct Size {
  int64_t width;
  int64_t height;
};

// A part of an image, in its pixels; its edges may lie within pixels.
struct Region {
  double left;
  double top;
  double width;
  double height;
};

struct Window {
  int64_t left;
  int64_t top;
  int64_t width;
  int64_t height;
};

// RGB rows of `size`, one after another, followed by a byte that may be read.
struct Image {
  const uint8_t* pixels;
  Size size;
};

// The pixels of an image of `size` that resample() reads.
Window find_read(const Size& size, const Region& region, const Size& resized, const Window& window,
                 Filter filter);

// What `window` shows of `region` after it was resized to `resized`, antialiased, as Pillow's Image.resize()
// computes it: bit for bit. `target` holds the window's rows.
void resample(const Image& source, const Region& region, const Size& resized, const Window& window,
              Filter filter, uint8_t* target);

}  // namespace mcloss::data
