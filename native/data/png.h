#pragma once

#include <cstdint>
#include <span>

#include "cut.h"

namespace mcloss::data {

// Whether the package was built beside libpng's headers, and its library is there now.
bool has_libpng();

// Decodes a PNG into `target`, RGB rows, transparency laid on white. False where it is not a plain, intact
// one (more than 8 bits, a colour profile other than sRGB, damaged in any way, too large): that is for a more
// capable decoder to judge.
bool decode_png(std::span<const uint8_t> bytes, const Cut& cut, int64_t limit_pixels,
                std::span<uint8_t> target);

}  // namespace mcloss::data
