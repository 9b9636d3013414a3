#include "edit_colors.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mcloss::data {
namespace {

constexpr int kLevels = 256;
using Table = std::array<uint8_t, kLevels>;
using Tables = std::array<Table, 3>;

uint8_t to_level(float value) {
  return static_cast<uint8_t>(std::clamp(value, 0.0F, 255.0F));
}

// a * b + c, rounded once, as LibTorch's kernels compute it: the product of two floats is exact as a double.
float fused(float a, float b, float c) {
  return static_cast<float>(double{a} * b + c);
}

// Calls visit(pixel) with each pixel's red, green and blue.
template <class Visit>
void for_each_pixel(PixelImage& image, const Visit& visit) {
  for (size_t i = 0; i + 2 < image.bytes.size(); i += 3) visit(&image.bytes[i]);
}

template <class OfLevel>
Table make_table(const OfLevel& of_level) {
  Table table{};
  for (int level = 0; level < kLevels; ++level) table[level] = of_level(level);
  return table;
}

void replace_levels(PixelImage& image, const Table& table) {
  for (uint8_t& level : image.bytes) level = table[level];
}

void replace_levels(PixelImage& image, const Tables& tables) {
  for_each_pixel(image, [&](uint8_t* pixel) {
    for (int c = 0; c < 3; ++c) pixel[c] = tables[c][pixel[c]];
  });
}

using Histogram = std::array<int64_t, kLevels>;

std::array<Histogram, 3> count_levels(PixelImage& image) {
  std::array<Histogram, 3> counts{};
  for_each_pixel(image, [&](const uint8_t* pixel) {
    for (int c = 0; c < 3; ++c) ++counts[c][pixel[c]];
  });
  return counts;
}

float gray_of(const uint8_t* pixel) {
  return fused(pixel[2], 0.114F, fused(pixel[1], 0.587F, static_cast<float>(pixel[0]) * 0.2989F));
}

// Mixtures of levels with others.
class Blend {
 public:
  explicit Blend(double ratio) : ratio_(static_cast<float>(ratio)), rest_(static_cast<float>(1 - ratio)) {}
  uint8_t of(uint8_t level, float other) const {
    return to_level(fused(other, rest_, static_cast<float>(level) * ratio_));
  }

 private:
  float ratio_, rest_;
};

struct Hsv {
  float hue, saturation, value;
};

Hsv to_hsv(float red, float green, float blue) {
  const float least = std::min({red, green, blue});
  const float most = std::max({red, green, blue});
  if (least == most) return {0, 0, most};
  const float range = most - least;
  const float r = (most - red) / range;
  const float g = (most - green) / range;
  const float b = (most - blue) / range;
  float sixths = 4.0F + g - r;
  if (most == red) {
    sixths = b - g;
  } else if (most == green) {
    sixths = 2.0F + r - b;
  }
  // In two steps, each rounded.
  const volatile float part = sixths * (1.0F / 6.0F);
  return {std::fmod(part + 1.0F, 1.0F), range / most, most};
}

std::array<float, 3> to_rgb(const Hsv& hsv) {
  const auto [hue, s, v] = hsv;
  const float sixths = hue * 6;
  const float whole = std::floor(sixths);
  const volatile float sf = s * (sixths - whole);
  const auto part = [v = v](float share) { return std::clamp(share * v, 0.0F, 1.0F); };
  const float p = part(1.0F - s);
  const float q = part(1.0F - sf);
  const float t = part(sf + (1.0F - s));
  switch (static_cast<int>(whole) % 6) {
    case 0:
      return {v, t, p};
    case 1:
      return {q, v, p};
    case 2:
      return {p, v, t};
    case 3:
      return {p, q, v};
    case 4:
      return {t, p, v};
    default:
      return {v, p, q};
  }
}

// The remainder of a division by 1, from 0 on.
float wrap(float value) {
  const float rest = std::fmod(value, 1.0F);
  return rest < 0 ? rest + 1.0F : rest;
}

Table stretch(const Histogram& counts) {
  const auto is_there = [](int64_t count) { return count > 0; };
  const auto least = std::ranges::find_if(counts, is_there) - counts.begin();
  const auto most = std::find_if(counts.rbegin(), counts.rend(), is_there).base() - counts.begin() - 1;
  if (least >= most) return make_table([](int level) { return static_cast<uint8_t>(level); });
  const float scale = static_cast<float>(most - least) * static_cast<float>(1.0 / 255);
  return make_table([&](int level) { return to_level(static_cast<float>(level - least) / scale); });
}

// Pillow's ImageOps.equalize.
Table flatten(const Histogram& counts) {
  int64_t pixels = 0;
  int64_t last = 0;
  for (const int64_t count : counts) {
    pixels += count;
    if (count > 0) last = count;
  }
  const int64_t step = (pixels - last) / 255;
  if (step == 0) return make_table([](int level) { return static_cast<uint8_t>(level); });
  int64_t before = 0;
  return make_table([&](int level) {
    const int64_t wanted = (before + step / 2) / step;
    before += counts[level];
    return static_cast<uint8_t>(level == 0 ? 0 : std::clamp<int64_t>(wanted, 0, 255));
  });
}

}  // namespace

void adjust_brightness(PixelImage& image, double factor) {
  const auto ratio = static_cast<float>(factor);
  replace_levels(image, make_table([&](int level) { return to_level(static_cast<float>(level) * ratio); }));
}

void adjust_contrast(PixelImage& image, double factor) {
  int64_t sum = 0;
  for_each_pixel(image, [&](const uint8_t* pixel) { sum += static_cast<int64_t>(gray_of(pixel)); });
  const float mean = static_cast<float>(sum) / static_cast<float>(image.height * image.width);
  const Blend blend(factor);
  replace_levels(image, make_table([&](int level) { return blend.of(static_cast<uint8_t>(level), mean); }));
}

void adjust_saturation(PixelImage& image, double factor) {
  const Blend blend(factor);
  for_each_pixel(image, [&](uint8_t* pixel) {
    const float gray = std::floor(gray_of(pixel));
    for (int c = 0; c < 3; ++c) pixel[c] = blend.of(pixel[c], gray);
  });
}

void adjust_hue(PixelImage& image, double shift) {
  const auto turn = static_cast<float>(shift);
  const auto unit = [](uint8_t level) { return static_cast<float>(level) * static_cast<float>(1.0 / 255); };
  for_each_pixel(image, [&](uint8_t* pixel) {
    auto hsv = to_hsv(unit(pixel[0]), unit(pixel[1]), unit(pixel[2]));
    hsv.hue = wrap(hsv.hue + turn);
    const auto rgb = to_rgb(hsv);
    for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(rgb[c] * 255.999F);
  });
}

void to_grayscale(PixelImage& image) {
  for_each_pixel(image, [](uint8_t* pixel) { std::fill_n(pixel, 3, static_cast<uint8_t>(gray_of(pixel))); });
}

void posterize(PixelImage& image, int bits) {
  const int mask = bits >= 8 ? 0xff : ((1 << bits) - 1) << (8 - bits);
  replace_levels(image, make_table([&](int level) { return static_cast<uint8_t>(level & mask); }));
}

void solarize(PixelImage& image, double threshold) {
  const auto least = static_cast<float>(threshold);
  replace_levels(image, make_table([&](int level) {
                   return static_cast<uint8_t>(static_cast<float>(level) >= least ? 255 - level : level);
                 }));
}

void autocontrast(PixelImage& image) {
  const auto counts = count_levels(image);
  replace_levels(image, {stretch(counts[0]), stretch(counts[1]), stretch(counts[2])});
}

void equalize(PixelImage& image) {
  const auto counts = count_levels(image);
  replace_levels(image, {flatten(counts[0]), flatten(counts[1]), flatten(counts[2])});
}

void invert(PixelImage& image) {
  for (uint8_t& level : image.bytes) level = static_cast<uint8_t>(255 - level);
}

}  // namespace mcloss::data
