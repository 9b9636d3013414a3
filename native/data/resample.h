#pragma once

#include <cstdint>

namespace mcloss::data {

enum class Filter { kNearest, kBilinear, kBicubic, kLanczos };

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

// An image of `size`, of which the RGB rows of `part` are in memory, one after another.
struct Image {
  const uint8_t* pixels;
  Size size;
  Window part;

  const uint8_t* at(int64_t row, int64_t column) const {
    return pixels + 3 * ((row - part.top) * part.width + column - part.left);
  }
};

// The pixels of an image of `size` that resample() reads.
Window find_read(const Size& size, const Region& region, const Size& resized, const Window& window,
                 Filter filter);

// What `window` shows of `region` after it was resized to `resized`, antialiased, as Pillow's Image.resize()
// computes it: bit for bit. `target` holds the window's rows; the image's part has what find_read() says.
void resample(const Image& source, const Region& region, const Size& resized, const Window& window,
              Filter filter, uint8_t* target);

}  // namespace mcloss::data
