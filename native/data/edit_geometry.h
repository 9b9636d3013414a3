#pragma once

#include <array>
#include <optional>

#include "edit_pixels.h"

namespace mcloss::data {

void flip_horizontally(PixelImage& image);
void flip_vertically(PixelImage& image);

struct PixelRegion {
  int64_t top, left, height, width;
};

// What lies beyond the image is of the colour `fill`, 0 to 255.
void crop(PixelImage& image, PixelRegion region, std::array<double, 3> fill);

// By quarters of a circle to the left (torch.rot90). Odd ones are of square images.
void turn(PixelImage& image, int quarters);

// torchvision's affine() and rotate() with an inverse matrix of theirs.
struct Affine {
  std::array<double, 6> matrix;               // 2×3 by rows: from output to input, in pixels from the middle
  bool bilinear;                              // or the nearest pixel
  std::optional<std::array<double, 3>> fill;  // without it what is outside is 0, and fades in where bilinear
};

void warp(PixelImage& image, const Affine& affine);

}  // namespace mcloss::data
