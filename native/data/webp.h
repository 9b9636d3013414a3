#pragma once

#include <cstdint>
#include <span>

#include "cut.h"

namespace mcloss::data {

// Whether libwebp is there.
bool has_libwebp();

// Decodes a WebP image into `target`, RGB rows, transparency laid on white. False where it is damaged, has
// several frames or is too large: that is for a more capable decoder to judge, as are colour profiles, which
// are not looked at.
bool decode_webp(std::span<const uint8_t> bytes, const Cut& cut, bool has_alpha, int64_t limit_pixels,
                 std::span<uint8_t> target);

}  // namespace mcloss::data
