#include "png.h"

#if __has_include(<png.h>)

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <optional>
#include <vector>

#include "color_profile.h"
#include "lay_on_white.h"
#include "scratch.h"
#include "shared_library.h"

namespace mcloss::data {
namespace {

constexpr png_alloc_size_t kMaxChunkBytes = 8 << 20;  // of what is beside the pixels

struct PngLibrary {
  decltype(&png_create_read_struct) create;
  decltype(&png_create_info_struct) create_info;
  decltype(&png_destroy_read_struct) destroy;
  decltype(&png_set_read_fn) set_source;
  decltype(&png_get_io_ptr) source_of;
  decltype(&png_get_error_ptr) error_of;
  decltype(&png_set_user_limits) set_limits;
  decltype(&png_set_chunk_malloc_max) set_chunk_limit;
  decltype(&png_read_info) read_info;
  decltype(&png_get_IHDR) get_header;
  decltype(&png_get_iCCP) get_profile;
  decltype(&png_set_expand) expand;
  decltype(&png_set_gray_to_rgb) gray_to_rgb;
  decltype(&png_set_interlace_handling) handle_interlacing;
  decltype(&png_read_update_info) update_info;
  decltype(&png_get_rowbytes) row_bytes;
  decltype(&png_read_image) read_image;
  decltype(&png_read_end) read_end;
};

std::optional<PngLibrary> open_libpng() {
  void* opened = open_shared_library("libpng16.so.16");
  if (opened == nullptr) return std::nullopt;
  PngLibrary library{};
  const bool complete = find_function(opened, "png_create_read_struct", library.create) &&
                        find_function(opened, "png_create_info_struct", library.create_info) &&
                        find_function(opened, "png_destroy_read_struct", library.destroy) &&
                        find_function(opened, "png_set_read_fn", library.set_source) &&
                        find_function(opened, "png_get_io_ptr", library.source_of) &&
                        find_function(opened, "png_get_error_ptr", library.error_of) &&
                        find_function(opened, "png_set_user_limits", library.set_limits) &&
                        find_function(opened, "png_set_chunk_malloc_max", library.set_chunk_limit) &&
                        find_function(opened, "png_read_info", library.read_info) &&
                        find_function(opened, "png_get_IHDR", library.get_header) &&
                        find_function(opened, "png_get_iCCP", library.get_profile) &&
                        find_function(opened, "png_set_expand", library.expand) &&
                        find_function(opened, "png_set_gray_to_rgb", library.gray_to_rgb) &&
                        find_function(opened, "png_set_interlace_handling", library.handle_interlacing) &&
                        find_function(opened, "png_read_update_info", library.update_info) &&
                        find_function(opened, "png_get_rowbytes", library.row_bytes) &&
                        find_function(opened, "png_read_image", library.read_image) &&
                        find_function(opened, "png_read_end", library.read_end);
  return complete ? std::optional(library) : std::nullopt;
}

const std::optional<PngLibrary>& libpng() {
  static const auto opened = open_libpng();
  return opened;
}

// One decompression. libpng leaves through longjmp(), so each step is a function without destructors to run.
class PngDecoder {
 public:
  explicit PngDecoder(std::span<const uint8_t> bytes) : rest_(bytes) {}
  ~PngDecoder() {
    if (png_ != nullptr) libpng()->destroy(&png_, &info_, nullptr);
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  bool read_header(int64_t limit_pixels) {
    if (setjmp(jump_) != 0) return false;
    const auto& library = *libpng();
    png_ = library.create(PNG_LIBPNG_VER_STRING, this, &give_up, &give_up);  // warnings mean damage
    if (png_ == nullptr) return false;
    info_ = library.create_info(png_);
    if (info_ == nullptr) return false;
    library.set_source(png_, this, &read);
    library.set_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    library.set_chunk_limit(png_, kMaxChunkBytes);
    library.read_info(png_, info_);
    png_uint_32 width = 0, height = 0;
    int bits = 0;
    library.get_header(png_, info_, &width, &height, &bits, nullptr, nullptr, nullptr, nullptr);
    size_ = {width, height};
    return bits <= 8 && size_.width * size_.height <= limit_pixels && has_srgb_profile();
  }

  const Size& size() const { return size_; }
  size_t row_bytes() const { return row_bytes_; }
  bool has_alpha() const { return row_bytes_ == static_cast<size_t>(4 * size_.width); }

  bool start() {
    if (setjmp(jump_) != 0) return false;
    libpng()->expand(png_);
    libpng()->gray_to_rgb(png_);
    libpng()->handle_interlacing(png_);
    libpng()->update_info(png_, info_);
    row_bytes_ = libpng()->row_bytes(png_, info_);
    return has_alpha() || row_bytes_ == static_cast<size_t>(3 * size_.width);
  }

  // To the file's end: damage shows wherever it is.
  bool read_rows(uint8_t** rows) {
    if (setjmp(jump_) != 0) return false;
    libpng()->read_image(png_, rows);
    libpng()->read_end(png_, nullptr);
    return true;
  }

 private:
  [[noreturn]] static void give_up(png_structp png, png_const_charp) {
    std::longjmp(static_cast<PngDecoder*>(libpng()->error_of(png))->jump_, 1);
  }

  static void read(png_structp png, png_bytep to, size_t count) {
    auto& rest = static_cast<PngDecoder*>(libpng()->source_of(png))->rest_;
    if (count > rest.size()) give_up(png, nullptr);
    std::memcpy(to, rest.data(), count);
    rest = rest.subspan(count);
  }

  bool has_srgb_profile() const {
    png_charp name = nullptr;
    png_bytep profile = nullptr;
    png_uint_32 length = 0;
    int compression = 0;
    if (libpng()->get_profile(png_, info_, &name, &compression, &profile, &length) == 0) return true;
    return is_srgb_profile({profile, length});
  }

  std::span<const uint8_t> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Size size_{};
  size_t row_bytes_ = 0;
  std::jmp_buf jump_{};
};

bool decode_pixels(PngDecoder& decoder, const Cut& cut, uint8_t* target) {
  thread_local Scratch scratch;
  const Size& size = decoder.size();
  const size_t bytes = decoder.row_bytes() * static_cast<size_t>(size.height);
  if (bytes > kMostPixelBytes) return false;
  uint8_t* const pixels = scratch.take(bytes);
  std::vector<uint8_t*> rows(static_cast<size_t>(size.height));
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = pixels + y * decoder.row_bytes();
  const bool done = decoder.read_rows(rows.data());
  if (done) {
    if (decoder.has_alpha()) lay_on_white(pixels, size.width * size.height, pixels);
    cut_image({pixels, size, {0, 0, size.width, size.height}}, size, cut, target);
  }
  scratch.trim();
  return done;
}

}  // namespace

bool has_libpng() {
  return libpng().has_value();
}

bool decode_png(std::span<const uint8_t> bytes, const Cut& cut, int64_t limit_pixels,
                std::span<uint8_t> target) {
  if (!has_libpng() || target.size() != bytes_of(cut)) return false;
  PngDecoder decoder(bytes);
  if (!decoder.read_header(limit_pixels) || !decoder.start()) return false;
  return fits(cut, decoder.size(), decoder.size()) && decode_pixels(decoder, cut, target.data());
}

}  // namespace mcloss::data

#else

namespace mcloss::data {

bool has_libpng() {
  return false;
}

bool decode_png(std::span<const uint8_t>, const Cut&, int64_t, std::span<uint8_t>) {
  return false;
}

}  // namespace mcloss::data

#endif
