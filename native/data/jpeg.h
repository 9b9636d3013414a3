#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "resample.h"

namespace mcloss::data {

// What is wanted of a JPEG: `window` of `region` after it was resized. Absent: all of it, at its own size.
struct JpegPlan {
  std::optional<Window> region;
  std::optional<Size> resized;
  Window window;
  Filter filter;
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
