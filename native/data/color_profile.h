#pragma once

#include <cstdint>
#include <span>

namespace mcloss::data {

// Whether an ICC profile, by its figures rather than its name, makes the colours of sRGB: an image that has
// it is as one that has none, to a level of 255.
bool is_srgb_profile(std::span<const uint8_t> profile);

}  // namespace mcloss::data
