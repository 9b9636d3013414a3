#include "jpeg.h"

#if __has_include(<jpeglib.h>) && __has_include(<jconfig.h>)

#include <dlfcn.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "color_profile.h"

// After <cstdio>, which it needs.
#include <jpeglib.h>

namespace mcloss::data {
namespace {

constexpr int kColorProfile = JPEG_APP0 + 2;
constexpr std::string_view kProfileName("ICC_PROFILE\0", 12);
constexpr std::string_view kOnlyPart("\1\1", 2);      // the first of one
constexpr int kMaxScans = 100;                        // as many as a decoder may be made to work for
constexpr long kMaxDecoderBytes = 256L << 20;         // of a progressive image's coefficients
constexpr size_t kMaxPixelBytes = size_t{256} << 20;  // of the decoded image
constexpr int64_t kBorder = 2;                        // chroma is interpolated from the pixel beside it
constexpr size_t kKeptBytes = size_t{16} << 20;       // each thread keeps so much for its next image

// libjpeg, opened at run time: the addon loads where it is missing, too.
struct Library {
  decltype(&jpeg_std_error) std_error;
  decltype(&jpeg_CreateDecompress) create;
  decltype(&jpeg_mem_src) set_source;
  decltype(&jpeg_save_markers) save_markers;
  decltype(&jpeg_read_header) read_header;
  decltype(&jpeg_calc_output_dimensions) calc_output;
  decltype(&jpeg_start_decompress) start;
  decltype(&jpeg_read_scanlines) read_rows;
  decltype(&jpeg_finish_decompress) finish;
  decltype(&jpeg_destroy_decompress) destroy;
  // Of libjpeg-turbo alone; null in other libraries.
  JDIMENSION (*skip_rows)(j_decompress_ptr, JDIMENSION count);
  void (*crop_rows)(j_decompress_ptr, JDIMENSION* left, JDIMENSION* width);
};

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

std::optional<Library> open_library() {
  void* opened = dlopen(JPEG_LIB_VERSION >= 80 ? "libjpeg.so.8" : "libjpeg.so.62", RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return std::nullopt;
  Library library{};
  const bool complete = find(opened, "jpeg_std_error", library.std_error) &&
                        find(opened, "jpeg_CreateDecompress", library.create) &&
                        find(opened, "jpeg_mem_src", library.set_source) &&
                        find(opened, "jpeg_save_markers", library.save_markers) &&
                        find(opened, "jpeg_read_header", library.read_header) &&
                        find(opened, "jpeg_calc_output_dimensions", library.calc_output) &&
                        find(opened, "jpeg_start_decompress", library.start) &&
                        find(opened, "jpeg_read_scanlines", library.read_rows) &&
                        find(opened, "jpeg_finish_decompress", library.finish) &&
                        find(opened, "jpeg_destroy_decompress", library.destroy);
  const bool partial = find(opened, "jpeg_skip_scanlines", library.skip_rows) &&
                       find(opened, "jpeg_crop_scanline", library.crop_rows);
  if (!partial) library.skip_rows = nullptr;
  return complete ? std::optional(library) : std::nullopt;
}

const std::optional<Library>& library() {
  static const auto opened = open_library();
  return opened;
}

// One decompression. libjpeg leaves through longjmp(), so each step is a function without destructors to run.
class Decoder {
 public:
  Decoder(const Library& library, bool repair) : library_(library), repair_(repair) {
    info_.err = library.std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) { give_up(info); };
    // Warnings mean damage.
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level < 0 && !static_cast<Decoder*>(info->client_data)->repair_) give_up(info);
    };
    progress_.progress_monitor = [](j_common_ptr info) {
      if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) give_up(info);
    };
    info_.client_data = this;
  }
  ~Decoder() { library_.destroy(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool read_header(std::span<const uint8_t> bytes) {
    if (setjmp(jump_) != 0) return false;
    library_.create(&info_, JPEG_LIB_VERSION, sizeof(info_));
    info_.client_data = this;
    info_.progress = &progress_;
    info_.mem->max_memory_to_use = kMaxDecoderBytes;
    library_.set_source(&info_, bytes.data(), bytes.size());
    library_.save_markers(&info_, kColorProfile, 0xffff);
    return library_.read_header(&info_, TRUE) == JPEG_HEADER_OK;
  }

  bool is_plain() const {
    const auto space = info_.jpeg_color_space;
    const bool known = space == JCS_GRAYSCALE || space == JCS_YCbCr || space == JCS_RGB;
    return known && info_.data_precision == 8 && has_srgb_profile();
  }

  Size size() const { return {info_.image_width, info_.image_height}; }
  Size output_size() const { return {info_.output_width, info_.output_height}; }

  // Decodes at `eighths` of the size.
  bool start(unsigned eighths) {
    if (setjmp(jump_) != 0) return false;
    info_.scale_num = eighths;
    info_.scale_denom = 8;
    info_.out_color_space = JCS_RGB;
    info_.dct_method = JDCT_ISLOW;
    library_.calc_output(&info_);
    return true;
  }

  // Writes rows of the whole image to `pixels`: at least what lies in `wanted`.
  bool read_rows(const Window& wanted, uint8_t* pixels) {
    if (setjmp(jump_) != 0) return false;
    library_.start(&info_);
    if (library_.skip_rows) {
      read_part(wanted, pixels);
    } else {
      read_until(info_.output_height, {pixels, row_bytes()});
    }
    return library_.finish(&info_) == TRUE;
  }

 private:
  // Where the beginning of each row goes.
  struct Rows {
    uint8_t* first;
    size_t bytes;
  };

  size_t row_bytes() const { return size_t{3} * info_.output_width; }

  void read_until(JDIMENSION end, const Rows& rows) {
    while (info_.output_scanline < end) {
      JSAMPROW row = rows.first + rows.bytes * info_.output_scanline;
      library_.read_rows(&info_, &row, 1);
    }
  }

  void skip_until(JDIMENSION begin) {
    if (begin > info_.output_scanline) library_.skip_rows(&info_, begin - info_.output_scanline);
  }

  // What is not wanted is neither transformed nor coloured, but read: damage shows wherever it is.
  void read_part(const Window& wanted, uint8_t* pixels) {
    const size_t bytes = row_bytes();
    const int64_t right = std::min<int64_t>(info_.output_width, wanted.left + wanted.width + kBorder);
    auto left = static_cast<JDIMENSION>(std::max<int64_t>(0, wanted.left - kBorder));
    auto width = static_cast<JDIMENSION>(right - left);
    if (width < info_.output_width) library_.crop_rows(&info_, &left, &width);
    const Rows rows{pixels + size_t{3} * left, bytes};
    skip_until(static_cast<JDIMENSION>(wanted.top));
    read_until(static_cast<JDIMENSION>(wanted.top + wanted.height), rows);
    skip_until(info_.output_height - 1);  // not to the end, which would leave the rest unread
    read_until(info_.output_height, rows);
  }

  [[noreturn]] static void give_up(j_common_ptr info) {
    std::longjmp(static_cast<Decoder*>(info->client_data)->jump_, 1);
  }

  // Most images have none, which stands for sRGB. One that is large enough to come in parts is not sRGB's.
  bool has_srgb_profile() const {
    for (auto* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const std::span<const uint8_t> data(marker->data, marker->data_length);
      const std::string_view text(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (!text.starts_with(kProfileName)) continue;
      const bool whole = text.substr(kProfileName.size()).starts_with(kOnlyPart);
      if (!whole || !is_srgb_profile(data.subspan(kProfileName.size() + kOnlyPart.size()))) return false;
    }
    return true;
  }

  const Library& library_;
  bool repair_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
};

// The smallest of 1, 2, 4 and 8 eighths that leaves at least twice the pixels wanted, so that antialiasing is
// still the resampling's; other scales are not vectorised in libjpeg-turbo.
unsigned choose_scale(const Size& region, const JpegPlan& plan) {
  if (!plan.resized) return 8;
  const double factor = std::min(static_cast<double>(region.width) / plan.resized->width,
                                 static_cast<double>(region.height) / plan.resized->height);
  unsigned eighths = 8;
  while (eighths > 1 && factor * eighths / 8 >= 4) eighths /= 2;
  return eighths;
}

void copy_window(const Image& image, const Window& window, uint8_t* target) {
  for (int64_t row = 0; row < window.height; ++row) {
    const auto* source = image.pixels + 3 * ((window.top + row) * image.size.width + window.left);
    std::copy_n(source, 3 * window.width, target + 3 * row * window.width);
  }
}

bool contains(const Size& size, const Window& window) {
  return window.left >= 0 && window.top >= 0 && window.width > 0 && window.height > 0 &&
         window.left + window.width <= size.width && window.top + window.height <= size.height;
}

// How the wanted pixels come from the decoded image.
struct Steps {
  Size decoded;
  Region region;  // in decoded pixels
  Size resized;
  Window read;  // the decoded pixels that it takes
  bool copied;  // as they are
};

Steps plan_steps(const Size& whole, const Size& decoded, const Window& region, const JpegPlan& plan) {
  const Size resized = plan.resized.value_or(Size{region.width, region.height});
  if (resized.width == region.width && resized.height == region.height) {
    auto read = plan.window;
    read.left += region.left;
    read.top += region.top;
    return {decoded, {}, resized, read, true};
  }
  const double across = static_cast<double>(decoded.width) / whole.width;
  const double down = static_cast<double>(decoded.height) / whole.height;
  const Region scaled{region.left * across, region.top * down, region.width * across, region.height * down};
  return {decoded, scaled, resized, find_read(decoded, scaled, resized, plan.window, plan.filter), false};
}

void write_window(const Image& image, const Steps& steps, const JpegPlan& plan, uint8_t* target) {
  if (steps.copied) return copy_window(image, steps.read, target);
  resample(image, steps.region, steps.resized, plan.window, plan.filter, target);
}

}  // namespace

bool has_libjpeg() {
  return library().has_value();
}

bool decode_jpeg(std::span<const uint8_t> bytes, const JpegPlan& plan, std::span<uint8_t> target) {
  if (!has_libjpeg() || target.size() != static_cast<size_t>(3 * plan.window.width * plan.window.height)) {
    return false;
  }
  Decoder decoder(*library(), plan.repair);
  if (!decoder.read_header(bytes) || !decoder.is_plain()) return false;
  const Size whole = decoder.size();
  const Window region = plan.region.value_or(Window{0, 0, whole.width, whole.height});
  if (whole.width * whole.height > plan.limit_pixels || !contains(whole, region)) return false;
  if (!contains(plan.resized.value_or(Size{region.width, region.height}), plan.window)) return false;
  if (!decoder.start(choose_scale({region.width, region.height}, plan))) return false;
  const auto steps = plan_steps(whole, decoder.output_size(), region, plan);
  const auto pixel_bytes = static_cast<size_t>(3 * steps.decoded.width * steps.decoded.height);
  if (pixel_bytes > kMaxPixelBytes) return false;
  // The threads of libuv's pool live on: their memory is used again. One byte more, as Image wants it.
  thread_local std::vector<uint8_t> pixels;
  if (pixels.size() <= pixel_bytes) pixels.resize(pixel_bytes + 1);
  const bool done = decoder.read_rows(steps.read, pixels.data());
  if (done) write_window({pixels.data(), steps.decoded}, steps, plan, target.data());
  if (pixels.size() > kKeptBytes) std::vector<uint8_t>().swap(pixels);
  return done;
}

}  // namespace mcloss::data

#else

namespace mcloss::data {

bool has_libjpeg() {
  return false;
}

bool decode_jpeg(std::span<const uint8_t>, const JpegPlan&, std::span<uint8_t>) {
  return false;
}

}  // namespace mcloss::data

#endif
