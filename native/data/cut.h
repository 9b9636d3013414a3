#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "resample.h"

namespace mcloss::data {

// What is wanted of an image: `window` of `region` after it was resized. Without a region all of it is
// resized; without a size the pixels are taken as they are.
struct Cut {
  std::optional<Window> region;  // in the pixels of the whole image, in whichever size it was decoded
  std::optional<Size> resized;
  Window window;
  Filter filter;
};

// Of the window's RGB rows.
size_t bytes_of(const Cut& cut);

// Whether the region lies in the whole image and the window in what becomes of it. `decoded` is the size that
// the image has in memory.
bool fits(const Cut& cut, const Size& decoded, const Size& whole);

// The pixels of the decoded image that cut_image() reads.
Window find_read(const Size& decoded, const Size& whole, const Cut& cut);

// Writes the window's rows. `image` has what find_read() says.
void cut_image(const Image& image, const Size& whole, const Cut& cut, uint8_t* target);

}  // namespace mcloss::data
