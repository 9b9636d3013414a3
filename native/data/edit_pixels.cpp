#include "edit_pixels.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "edit_colors.h"
#include "edit_filters.h"
#include "edit_geometry.h"

namespace mcloss::data {
namespace {

using Values = std::span<const double>;

struct Edit {
  std::string_view name;
  size_t fewest;  // values
  void (*make)(PixelImage& image, Values values);
};

Affine to_affine(Values values) {
  Affine affine{};
  std::copy_n(values.begin(), affine.matrix.size(), affine.matrix.begin());
  affine.bilinear = values[6] != 0;
  if (values.size() == 10) affine.fill = std::array{values[7], values[8], values[9]};
  return affine;
}

int64_t integer(double value) {
  return static_cast<int64_t>(value);
}

constexpr std::array<Edit, 17> kEdits{{
    {"flipHorizontal", 0, [](PixelImage& image, Values) { flip_horizontally(image); }},
    {"flipVertical", 0, [](PixelImage& image, Values) { flip_vertically(image); }},
    // top, left, height, width, and the colour of what lies beyond the image
    {"crop", 7,
     [](PixelImage& image, Values v) {
       crop(image, {integer(v[0]), integer(v[1]), integer(v[2]), integer(v[3])}, {v[4], v[5], v[6]});
     }},
    // quarters of a turn to the left, of a square image unless they are 2
    {"turn", 1, [](PixelImage& image, Values v) { turn(image, static_cast<int>(v[0])); }},
    // 2×3 by rows from output to input, in pixels from the middle; whether bilinear; a colour, or none
    {"affine", 7, [](PixelImage& image, Values v) { warp(image, to_affine(v)); }},
    // the factor
    {"brightness", 1, [](PixelImage& image, Values v) { adjust_brightness(image, v[0]); }},
    {"contrast", 1, [](PixelImage& image, Values v) { adjust_contrast(image, v[0]); }},
    {"saturation", 1, [](PixelImage& image, Values v) { adjust_saturation(image, v[0]); }},
    // a share of the colour circle
    {"hue", 1, [](PixelImage& image, Values v) { adjust_hue(image, v[0]); }},
    {"grayscale", 0, [](PixelImage& image, Values) { to_grayscale(image); }},
    // the bits that are left
    {"posterize", 1, [](PixelImage& image, Values v) { posterize(image, static_cast<int>(v[0])); }},
    // the least level that is inverted
    {"solarize", 1, [](PixelImage& image, Values v) { solarize(image, v[0]); }},
    {"autocontrast", 0, [](PixelImage& image, Values) { autocontrast(image); }},
    {"equalize", 0, [](PixelImage& image, Values) { equalize(image); }},
    {"invert", 0, [](PixelImage& image, Values) { invert(image); }},
    // the factor
    {"sharpness", 1, [](PixelImage& image, Values v) { adjust_sharpness(image, v[0]); }},
    // the kernel's size, and its standard deviation
    {"gaussianBlur", 2, [](PixelImage& image, Values v) { gaussian_blur(image, integer(v[0]), v[1]); }},
}};

}  // namespace

void edit_pixels(PixelImage& image, std::span<const PixelEdit> edits) {
  for (const auto& [name, values] : edits) {
    const auto* edit = std::ranges::find(kEdits, std::string_view(name), &Edit::name);
    if (edit == kEdits.end() || values.size() < edit->fewest) {
      throw std::invalid_argument("there is no edit \"" + name + "\" of " + std::to_string(values.size()) +
                                  " values");
    }
    edit->make(image, values);
  }
}

}  // namespace mcloss::data
