#include "edit_geometry.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mcloss::data {
namespace {

// A pixel of the output in the input's coordinates.
struct Place {
  float x, y;
};

// The sampling grid in float32. Each product and each sum is rounded by itself, also where the processor has
// fused ones: quarter turns meet ties between pixels.
class Grid {
 public:
  Grid(const PixelImage& image, const std::array<double, 6>& matrix)
      : half_width_(0.5F * static_cast<float>(image.width)),
        half_height_(0.5F * static_cast<float>(image.height)),
        left_((1.0F - static_cast<float>(image.width)) * 0.5F),
        top_((1.0F - static_cast<float>(image.height)) * 0.5F) {
    for (int i = 0; i < 3; ++i) {
      to_x_[i] = static_cast<float>(matrix[i]) / half_width_;
      to_y_[i] = static_cast<float>(matrix[3 + i]) / half_height_;
    }
  }

  Place at(int64_t y, int64_t x) const {
    const float from_left = left_ + static_cast<float>(x);
    const float from_top = top_ + static_cast<float>(y);
    return {to_pixels(product(to_x_, from_left, from_top), half_width_),
            to_pixels(product(to_y_, from_left, from_top), half_height_)};
  }

 private:
  using Row = std::array<float, 3>;

  static float product(const Row& row, float x, float y) {
    return rounded_product(x, row[0]) + rounded_product(y, row[1]) + row[2];
  }

  static float rounded_product(float a, float b) { return static_cast<float>(double{a} * b); }

  // From −1 to 1 across the image, to pixels.
  static float to_pixels(float place, float half) {
    const auto shifted = static_cast<float>(double{place} + 1);
    return static_cast<float>(double{shifted} * half - 0.5);
  }

  float half_width_, half_height_, left_, top_;
  Row to_x_{}, to_y_{};
};

bool is_inside(const PixelImage& image, float y, float x) {
  return y >= 0 && x >= 0 && y < static_cast<float>(image.height) && x < static_cast<float>(image.width);
}

const uint8_t* pixel_at(const PixelImage& image, float y, float x) {
  return image.at(static_cast<int64_t>(y), static_cast<int64_t>(x));
}

uint8_t round_to_level(float value) {
  return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0F, 255.0F));
}

void sample_nearest(const PixelImage& image, Place place, const Affine& affine, uint8_t* out) {
  const float y = std::nearbyint(place.y);
  const float x = std::nearbyint(place.x);
  if (is_inside(image, y, x)) {
    std::copy_n(pixel_at(image, y, x), 3, out);
    return;
  }
  for (int c = 0; c < 3; ++c)
    out[c] = affine.fill ? round_to_level(static_cast<float>((*affine.fill)[c])) : 0;
}

void sample_bilinear(const PixelImage& image, Place place, const Affine& affine, uint8_t* out) {
  const float top = std::floor(place.y);
  const float left = std::floor(place.x);
  const float down = place.y - top;
  const float across = place.x - left;
  float sums[3] = {};
  float seen = 0;
  const auto add = [&](float y, float x, float weight) {
    if (!is_inside(image, y, x)) return;
    const uint8_t* pixel = pixel_at(image, y, x);
    for (int c = 0; c < 3; ++c) sums[c] += weight * static_cast<float>(pixel[c]);
    seen += weight;
  };
  add(top, left, (1 - down) * (1 - across));
  add(top, left + 1, (1 - down) * across);
  add(top + 1, left, down * (1 - across));
  add(top + 1, left + 1, down * across);
  for (int c = 0; c < 3; ++c) {
    if (affine.fill) {
      const auto fill = static_cast<float>((*affine.fill)[c]);
      sums[c] = (sums[c] - fill) * seen + fill;
    }
    out[c] = round_to_level(sums[c]);
  }
}

}  // namespace

void flip_horizontally(PixelImage& image) {
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; 2 * x + 1 < image.width; ++x) {
      std::swap_ranges(image.at(y, x), image.at(y, x) + 3, image.at(y, image.width - 1 - x));
    }
  }
}

void flip_vertically(PixelImage& image) {
  for (int64_t y = 0; 2 * y + 1 < image.height; ++y) {
    std::swap_ranges(image.at(y, 0), image.at(y, 0) + image.width * 3, image.at(image.height - 1 - y, 0));
  }
}

void crop(PixelImage& image, PixelRegion region, std::array<double, 3> fill) {
  const auto [top, left, height, width] = region;
  PixelImage part{height, width, std::vector<uint8_t>(height * width * 3)};
  for (size_t i = 0; i < part.bytes.size(); ++i)
    part.bytes[i] = round_to_level(static_cast<float>(fill[i % 3]));
  const int64_t first = std::max<int64_t>(0, -left);
  const int64_t last = std::min(width, image.width - left);
  for (int64_t y = std::max<int64_t>(0, -top); y < std::min(height, image.height - top) && first < last;
       ++y) {
    std::copy_n(image.at(top + y, left + first), (last - first) * 3, part.at(y, first));
  }
  image = std::move(part);
}

void turn(PixelImage& image, int quarters) {
  const PixelImage before = image;
  const int64_t last_row = image.height - 1;
  const int64_t last_column = image.width - 1;
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      const auto [from_y, from_x] = quarters == 1   ? std::pair(x, last_column - y)
                                    : quarters == 2 ? std::pair(last_row - y, last_column - x)
                                                    : std::pair(last_row - x, y);
      std::copy_n(before.at(from_y, from_x), 3, image.at(y, x));
    }
  }
}

void warp(PixelImage& image, const Affine& affine) {
  const PixelImage before = image;
  const Grid grid(before, affine.matrix);
  const auto sample = affine.bilinear ? sample_bilinear : sample_nearest;
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) sample(before, grid.at(y, x), affine, image.at(y, x));
  }
}

}  // namespace mcloss::data
