#pragma once

#include "edit_pixels.h"

namespace mcloss::data {

// As torchvision's functions of these names on uint8 tensors. Both round sums that it makes in an order of
// its own, so that a level may be the next one.

// Leaves images of less than 3 pixels a side, and the border, as they are.
void adjust_sharpness(PixelImage& image, double factor);
// `size` is odd; beyond its border the image is reflected.
void gaussian_blur(PixelImage& image, int64_t size, double sigma);

}  // namespace mcloss::data
