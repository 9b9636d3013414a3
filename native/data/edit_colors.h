#pragma once

#include "edit_pixels.h"

namespace mcloss::data {

// As torchvision's functions of these names on uint8 tensors, bit for bit as far as float32 sums of whole
// numbers are exact, which the mean grey of contrast is up to 65,793 pixels.
void adjust_brightness(PixelImage& image, double factor);
void adjust_contrast(PixelImage& image, double factor);
void adjust_saturation(PixelImage& image, double factor);
void adjust_hue(PixelImage& image, double shift);
void to_grayscale(PixelImage& image);
void posterize(PixelImage& image, int bits);
void solarize(PixelImage& image, double threshold);
void autocontrast(PixelImage& image);
void equalize(PixelImage& image);
void invert(PixelImage& image);

}  // namespace mcloss::data
