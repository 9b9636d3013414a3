#include "jpeg.h"

#if __has_include(<jpeglib.h>) && __has_include(<jconfig.h>)

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "color_profile.h"
#include "scratch.h"
#include "shared_library.h"

// After <cstdio>, which it needs.
#include <jpeglib.h>

namespace mcloss::data {
namespace {

constexpr int kColorProfile = JPEG_APP0 + 2;
constexpr std::string_view kProfileName("ICC_PROFILE\0", 12);
constexpr std::string_view kOnlyPart("\1\1", 2);  // the first of one
constexpr int kMaxScans = 100;                    // as many as a decoder may be made to work for
constexpr long kMaxDecoderBytes = 256L << 20;     // of a progressive image's coefficients
constexpr int64_t kBorder = 2;                    // chroma is interpolated from the pixel beside it

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

std::optional<Library> open_library() {
  void* opened = open_shared_library(JPEG_LIB_VERSION >= 80 ? "libjpeg.so.8" : "libjpeg.so.62");
  if (opened == nullptr) return std::nullopt;
  Library library{};
  const bool complete = find_function(opened, "jpeg_std_error", library.std_error) &&
                        find_function(opened, "jpeg_CreateDecompress", library.create) &&
                        find_function(opened, "jpeg_mem_src", library.set_source) &&
                        find_function(opened, "jpeg_save_markers", library.save_markers) &&
                        find_function(opened, "jpeg_read_header", library.read_header) &&
                        find_function(opened, "jpeg_calc_output_dimensions", library.calc_output) &&
                        find_function(opened, "jpeg_start_decompress", library.start) &&
                        find_function(opened, "jpeg_read_scanlines", library.read_rows) &&
                        find_function(opened, "jpeg_finish_decompress", library.finish) &&
                        find_function(opened, "jpeg_destroy_decompress", library.destroy);
  const bool partial = find_function(opened, "jpeg_skip_scanlines", library.skip_rows) &&
                       find_function(opened, "jpeg_crop_scanline", library.crop_rows);
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

  // Which part of the image read_rows() gives: all that lies in `wanted`, and perhaps more.
  bool find_part(const Window& wanted) {
    if (setjmp(jump_) != 0) return false;
    library_.start(&info_);
    part_ = {0, 0, info_.output_width, info_.output_height};
    if (!library_.skip_rows) return true;
    const int64_t right = std::min<int64_t>(info_.output_width, wanted.left + wanted.width + kBorder);
    auto left = static_cast<JDIMENSION>(std::max<int64_t>(0, wanted.left - kBorder));
    auto width = static_cast<JDIMENSION>(right - left);
    if (width < info_.output_width) library_.crop_rows(&info_, &left, &width);
    part_ = {left, wanted.top, width, wanted.height};
    return true;
  }

  const Window& part() const { return part_; }

  // Writes the part's rows, and one more.
  bool read_rows(uint8_t* pixels) {
    if (setjmp(jump_) != 0) return false;
    const auto bytes = static_cast<size_t>(3 * part_.width);
    const auto begin = static_cast<JDIMENSION>(part_.top);
    const auto end = begin + static_cast<JDIMENSION>(part_.height);
    // What is not wanted is neither transformed nor coloured, but read: damage shows wherever it is.
    skip_until(begin);
    read_until(end, pixels, bytes);
    if (end < info_.output_height) {
      skip_until(info_.output_height - 1);  // not to the end, which would leave the rest unread
      read_until(info_.output_height, pixels + bytes * part_.height, bytes);
    }
    return library_.finish(&info_) == TRUE;
  }

 private:
  void read_until(JDIMENSION end, uint8_t* pixels, size_t bytes) {
    for (; info_.output_scanline < end; pixels += bytes) {
      JSAMPROW row = pixels;
      while (library_.read_rows(&info_, &row, 1) == 0) continue;
    }
  }

  void skip_until(JDIMENSION begin) {
    if (begin > info_.output_scanline) library_.skip_rows(&info_, begin - info_.output_scanline);
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
  Window part_{};
  std::jmp_buf jump_{};
};

// How a stored image is turned: its axes are exchanged, then each may be mirrored.
struct Turn {
  Size stored;
  bool exchanged;
  bool across;
  bool down;

  Size upright() const { return exchanged ? Size{stored.height, stored.width} : stored; }

  // Where a part of the upright image is stored.
  Window find(Window upright) const {
    if (exchanged) upright = {upright.top, upright.left, upright.height, upright.width};
    if (across) upright.left = stored.width - upright.left - upright.width;
    if (down) upright.top = stored.height - upright.top - upright.height;
    return upright;
  }
};

Turn turn_of(const Size& stored, int orientation) {
  const bool across = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool down = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  return {stored, orientation >= 5, across, down};
}

// The pixels of `wanted` of the upright image.
void turn_pixels(const Image& image, const Turn& turn, const Window& wanted, uint8_t* target) {
  const Window place = turn.find(wanted);
  const int64_t right = turn.across ? -3 : 3;
  const int64_t below = (turn.down ? -3 : 3) * image.part.width;
  const int64_t step = turn.exchanged ? below : right;
  const int64_t next_row = turn.exchanged ? right : below;
  const uint8_t* row = image.at(turn.down ? place.top + place.height - 1 : place.top,
                                turn.across ? place.left + place.width - 1 : place.left);
  for (int64_t y = 0; y < wanted.height; ++y, row += next_row) {
    const uint8_t* pixel = row;
    for (int64_t x = 0; x < wanted.width; ++x, pixel += step, target += 3) std::copy_n(pixel, 3, target);
  }
}

bool decode_part(Decoder& decoder, const Turn& turn, const Size& whole, const Cut& cut, uint8_t* target) {
  thread_local Scratch stored;
  thread_local Scratch upright;
  const auto read = find_read(turn.upright(), whole, cut);
  if (!decoder.find_part(turn.find(read))) return false;
  const auto bytes = static_cast<size_t>(3 * decoder.part().width * (decoder.part().height + 1));
  if (bytes > kMostPixelBytes) return false;
  Image image{stored.take(bytes), turn.stored, decoder.part()};
  const bool done = decoder.read_rows(stored.take(bytes));
  if (done && (turn.exchanged || turn.across || turn.down)) {
    uint8_t* const turned = upright.take(static_cast<size_t>(3 * read.width * read.height));
    turn_pixels(image, turn, read, turned);
    image = {turned, turn.upright(), read};
  }
  if (done) cut_image(image, whole, cut, target);
  stored.trim();
  upright.trim();
  return done;
}

}  // namespace

bool has_libjpeg() {
  return library().has_value();
}

bool decode_jpeg(std::span<const uint8_t> bytes, const JpegPlan& plan, std::span<uint8_t> target) {
  if (!has_libjpeg() || target.size() != bytes_of(plan.cut)) return false;
  Decoder decoder(*library(), plan.repair);
  if (!decoder.read_header(bytes) || !decoder.is_plain()) return false;
  const Size whole = turn_of(decoder.size(), plan.orientation).upright();
  if (whole.width * whole.height > plan.limit_pixels || !decoder.start(plan.eighths)) return false;
  const auto turn = turn_of(decoder.output_size(), plan.orientation);
  return fits(plan.cut, turn.upright(), whole) && decode_part(decoder, turn, whole, plan.cut, target.data());
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
