#include "cut.h"

#include <algorithm>

namespace mcloss::data {
namespace {

bool contains(const Size& size, const Window& window) {
  return window.left >= 0 && window.top >= 0 && window.width > 0 && window.height > 0 &&
         window.left + window.width <= size.width && window.top + window.height <= size.height;
}

bool is_same(const Size& one, const Size& other) {
  return one.width == other.width && one.height == other.height;
}

// The region that is resized, in decoded pixels. Nothing where pixels are taken as they are.
std::optional<Region> find_resized(const Size& decoded, const Size& whole, const Cut& cut) {
  if (!cut.resized) return std::nullopt;
  const Window region = cut.region.value_or(Window{0, 0, whole.width, whole.height});
  if (is_same(*cut.resized, {region.width, region.height}) && is_same(decoded, whole)) return std::nullopt;
  const double across = static_cast<double>(decoded.width) / static_cast<double>(whole.width);
  const double down = static_cast<double>(decoded.height) / static_cast<double>(whole.height);
  return Region{static_cast<double>(region.left) * across, static_cast<double>(region.top) * down,
                static_cast<double>(region.width) * across, static_cast<double>(region.height) * down};
}

Window find_copied(const Cut& cut) {
  auto copied = cut.window;
  if (cut.region) {
    copied.left += cut.region->left;
    copied.top += cut.region->top;
  }
  return copied;
}

}  // namespace

size_t bytes_of(const Cut& cut) {
  return static_cast<size_t>(3 * cut.window.width * cut.window.height);
}

bool fits(const Cut& cut, const Size& decoded, const Size& whole) {
  if (cut.region && !contains(whole, *cut.region)) return false;
  if (cut.resized) return contains(*cut.resized, cut.window);
  if (!cut.region) return contains(decoded, cut.window);
  return is_same(decoded, whole) && contains({cut.region->width, cut.region->height}, cut.window);
}

Window find_read(const Size& decoded, const Size& whole, const Cut& cut) {
  const auto region = find_resized(decoded, whole, cut);
  return region ? find_read(decoded, *region, *cut.resized, cut.window, cut.filter) : find_copied(cut);
}

void cut_image(const Image& image, const Size& whole, const Cut& cut, uint8_t* target) {
  if (const auto region = find_resized(image.size, whole, cut)) {
    return resample(image, *region, *cut.resized, cut.window, cut.filter, target);
  }
  const auto [left, top, width, height] = find_copied(cut);
  for (int64_t row = 0; row < height; ++row) {
    std::copy_n(image.at(top + row, left), 3 * width, target + 3 * row * width);
  }
}

}  // namespace mcloss::data
