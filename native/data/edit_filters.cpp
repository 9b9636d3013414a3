#include "edit_filters.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mcloss::data {
namespace {

// The mean of the pixels about one, which itself counts 5 times: of 13, so that halves do not occur.
int smooth(const PixelImage& image, int64_t y, int64_t x, int channel) {
  int sum = 4 * image.at(y, x)[channel];
  for (int64_t row = y - 1; row <= y + 1; ++row) {
    for (int64_t column = x - 1; column <= x + 1; ++column) sum += image.at(row, column)[channel];
  }
  return (2 * sum + 13) / 26;
}

std::vector<float> gaussian(int64_t size, double sigma) {
  std::vector<float> kernel(size);
  // torchvision's kernel takes its places over √2, so that x² / σ² is x² / 2σ².
  const double middle = static_cast<double>(size - 1) / 2;
  double sum = 0;
  for (int64_t i = 0; i < size; ++i)
    sum += std::exp(-std::pow((static_cast<double>(i) - middle) / sigma, 2) / 2);
  for (int64_t i = 0; i < size; ++i) {
    kernel[i] =
        static_cast<float>(std::exp(-std::pow((static_cast<double>(i) - middle) / sigma, 2) / 2) / sum);
  }
  return kernel;
}

// A place beyond 0 to size − 1 mirrored at the border pixel.
int64_t reflect(int64_t place, int64_t size) {
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1);
  const int64_t rest = ((place % period) + period) % period;
  return std::min(rest, period - rest);
}

}  // namespace

void adjust_sharpness(PixelImage& image, double factor) {
  if (image.height <= 2 || image.width <= 2) return;
  const auto rest = static_cast<float>(1 - factor);
  const PixelImage before = image;
  for (int64_t y = 1; y + 1 < image.height; ++y) {
    for (int64_t x = 1; x + 1 < image.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int level = before.at(y, x)[c];
        const double sharp = double{rest} * (smooth(before, y, x, c) - level) + level;
        image.at(y, x)[c] = static_cast<uint8_t>(std::clamp(static_cast<float>(sharp), 0.0F, 255.0F));
      }
    }
  }
}

void gaussian_blur(PixelImage& image, int64_t size, double sigma) {
  const auto kernel = gaussian(size, sigma);
  const int64_t half = size / 2;
  const auto [height, width] = std::pair(image.height, image.width);
  std::vector<float> rows(image.bytes.size());
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      float* sum = &rows[(y * width + x) * 3];
      for (int64_t i = 0; i < size; ++i) {
        const uint8_t* pixel = image.at(y, reflect(x + i - half, width));
        for (int c = 0; c < 3; ++c) sum[c] += kernel[i] * static_cast<float>(pixel[c]);
      }
    }
  }
  std::vector<float> sums(width * 3);
  for (int64_t y = 0; y < height; ++y) {
    std::ranges::fill(sums, 0.0F);
    for (int64_t i = 0; i < size; ++i) {
      const float* row = &rows[reflect(y + i - half, height) * width * 3];
      for (int64_t x = 0; x < width * 3; ++x) sums[x] += kernel[i] * row[x];
    }
    uint8_t* out = image.at(y, 0);
    for (int64_t x = 0; x < width * 3; ++x)
      out[x] = static_cast<uint8_t>(std::clamp(std::nearbyint(sums[x]), 0.0F, 255.0F));
  }
}

}  // namespace mcloss::data
