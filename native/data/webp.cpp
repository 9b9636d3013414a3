#include "webp.h"

#include <cstddef>
#include <optional>

#include "lay_on_white.h"
#include "scratch.h"
#include "shared_library.h"

namespace mcloss::data {
namespace {

// Declared here as libwebp.so.7 has them, so that its headers are not needed.
struct WebpLibrary {
  int (*get_info)(const uint8_t* bytes, size_t count, int* width, int* height);
  uint8_t* (*decode_rgb)(const uint8_t* bytes, size_t count, uint8_t* to, size_t room, int stride);
  uint8_t* (*decode_rgba)(const uint8_t* bytes, size_t count, uint8_t* to, size_t room, int stride);
};

std::optional<WebpLibrary> open_libwebp() {
  void* opened = open_shared_library("libwebp.so.7");
  if (opened == nullptr) return std::nullopt;
  WebpLibrary library{};
  const bool complete = find_function(opened, "WebPGetInfo", library.get_info) &&
                        find_function(opened, "WebPDecodeRGBInto", library.decode_rgb) &&
                        find_function(opened, "WebPDecodeRGBAInto", library.decode_rgba);
  return complete ? std::optional(library) : std::nullopt;
}

const std::optional<WebpLibrary>& libwebp() {
  static const auto opened = open_libwebp();
  return opened;
}

}  // namespace

bool has_libwebp() {
  return libwebp().has_value();
}

bool decode_webp(std::span<const uint8_t> bytes, const Cut& cut, bool has_alpha, int64_t limit_pixels,
                 std::span<uint8_t> target) {
  thread_local Scratch scratch;
  if (!has_libwebp() || target.size() != bytes_of(cut)) return false;
  int width = 0, height = 0;
  if (libwebp()->get_info(bytes.data(), bytes.size(), &width, &height) == 0) return false;
  const Size size{width, height};
  const int64_t count = size.width * size.height;
  const int channels = has_alpha ? 4 : 3;
  const auto room = static_cast<size_t>(channels * count);
  if (count > limit_pixels || room > kMostPixelBytes || !fits(cut, size, size)) return false;
  uint8_t* const pixels = scratch.take(room);
  const auto decode = has_alpha ? libwebp()->decode_rgba : libwebp()->decode_rgb;
  const bool done = decode(bytes.data(), bytes.size(), pixels, room, channels * width) != nullptr;
  if (done) {
    if (has_alpha) lay_on_white(pixels, count, pixels);
    cut_image({pixels, size, {0, 0, size.width, size.height}}, size, cut, target.data());
  }
  scratch.trim();
  return done;
}

}  // namespace mcloss::data
