#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "cut.h"

namespace mcloss::data {

// What is wanted of a JPEG.
struct JpegPlan {
  Cut cut;  // of the upright image
  // EXIF's, 1 to 8: how the image is turned when it is decoded.
  int orientation;
  // It is decoded at so many eighths of its size: 1, 2, 4 or 8.
  unsigned eighths;
  int64_t limit_pixels;
  // Damage is not an error: what is missing becomes grey, as in Pillow with LOAD_TRUNCATED_IMAGES.
  bool repair;
};

// Whether the package was built beside libjpeg's headers, and its library is there now.
bool has_libjpeg();

// Decodes a JPEG into `target`, RGB rows. False where it is not a plain, intact one (CMYK, 12 bits, a colour
// profile other than sRGB, damaged in any way unless that is repaired, too large): that is for a more capable
// decoder to judge.
bool decode_jpeg(std::span<const uint8_t> bytes, const JpegPlan& plan, std::span<uint8_t> target);

}  // namespace mcloss::data
