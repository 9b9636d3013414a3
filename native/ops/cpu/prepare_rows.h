#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "../prepare_arguments.h"

namespace mcloss::cpu {

// Writes images row by row: T is the output's element.
template <class T>
class PrepareRows {
 public:
  explicit PrepareRows(const PrepareArguments& arguments) : a_(arguments) {
    for (int c = 0; c < kChannels; ++c) {
      // A table of the 256 levels is exact, and faster than computing each pixel.
      for (int i = 0; i < 256; ++i) levels_[c][i] = normalize(static_cast<float>(i), c);
      fill_[c] = normalize(a_.fill[c], c);
      erased_color_[c] = static_cast<T>(a_.erased_color[c]);
    }
  }

  void write(int64_t sample, int y) const {
    T* output = static_cast<T*>(a_.output) + (sample * a_.height + y) * a_.width * kChannels;
    write_view(output, sample, y);
    if (!a_.erased) return;
    const int32_t* box = a_.erased + sample * 4;
    if (y < box[0] || int64_t{y} - box[0] >= box[2]) return;
    const int64_t begin = std::clamp<int64_t>(box[1], 0, a_.width);
    const int64_t end = std::clamp<int64_t>(int64_t{box[1]} + box[3], begin, a_.width);
    write_color(output + begin * kChannels, end - begin, erased_color_);
  }

 private:
  static constexpr int kChannels = 3;
  using Color = std::array<T, kChannels>;

  T normalize(float value, int channel) const {
    return static_cast<T>((value / 255.0F - a_.mean[channel]) / a_.std[channel]);
  }

  void write_view(T* output, int64_t sample, int y) const {
    const int32_t* window = a_.windows ? a_.windows + sample * 3 : nullptr;
    const int64_t row = int64_t{y} + (window ? window[0] : 0);
    const int64_t left = window ? window[1] : 0;
    const bool flipped = window && window[2] != 0;
    if (row < 0 || row >= a_.in_height) return write_color(output, a_.width, fill_);
    // The columns that show the image, before they are mirrored and after.
    const int64_t first = std::clamp<int64_t>(-left, 0, a_.width);
    const int64_t last = std::clamp<int64_t>(a_.in_width - left, first, a_.width);
    const int64_t begin = flipped ? a_.width - last : first;
    const int64_t end = flipped ? a_.width - first : last;
    const int64_t start = ((sample * a_.in_height + row) * a_.in_width + left) * kChannels;
    write_color(output, begin, fill_);
    T* shown = output + begin * kChannels;
    if (flipped) {
      write_pixels<-kChannels>(shown, start + (last - 1) * kChannels, end - begin);
    } else {
      write_pixels<kChannels>(shown, start + first * kChannels, end - begin);
    }
    write_color(output + end * kChannels, a_.width - end, fill_);
  }

  // kStep is 3, or −3 to read a row from right to left.
  template <int kStep>
  void write_pixels(T* output, int64_t start, int64_t pixels) const {
    const uint8_t* input = a_.pixels;
    for (int64_t i = 0; i < pixels; ++i, output += kChannels, start += kStep) {
      output[0] = levels_[0][input[start]];
      output[1] = levels_[1][input[start + 1]];
      output[2] = levels_[2][input[start + 2]];
    }
  }

  static void write_color(T* output, int64_t pixels, const Color& color) {
    for (int64_t i = 0; i < pixels; ++i) output = std::copy(color.begin(), color.end(), output);
  }

  PrepareArguments a_;
  std::array<std::array<T, 256>, kChannels> levels_;
  Color fill_;
  Color erased_color_;
};

}  // namespace mcloss::cpu
