#pragma once

#include <cstdint>
#include <vector>

namespace mcloss::data {

// Pillow's: a sum of weighted bytes, which negative weights may take to twice the range, fits 32 bits.
constexpr int kPrecisionBits = 32 - 8 - 2;
// What may be read beyond a row's last pixel, and written beyond the last of its outputs.
constexpr int64_t kRowSlack = 32;

// Which input pixels make each output pixel of one axis.
struct Taps {
  struct Span {
    int64_t start;
    int64_t count;
  };
  std::vector<Span> spans;
  std::vector<int32_t> weights;  // `stride` for each output pixel
  int64_t stride;

  const int32_t* weights_of(int64_t output) const { return weights.data() + output * stride; }
};

// Brings rows of RGB pixels to another width, each output the rounded sum of its weighted inputs.
class RowResampler {
 public:
  // Rows begin with the pixel `first`.
  RowResampler(const Taps& taps, int64_t first);

  // Reads up to kRowSlack bytes beyond the last pixel of the taps, and writes as many beyond the last output.
  void write(const uint8_t* row, int64_t outputs, uint8_t* target) const;

 private:
  const Taps& taps_;
  int64_t first_;
  // For AVX2: the weights of four taps at a time, laid out as they are multiplied.
  int64_t groups_ = 0;
  std::vector<int16_t> spread_;
  std::vector<int32_t> offsets_;
};

// `target` becomes the rounded sum of `rows` weighted rows, one after another from `source` on, of `bytes`
// each. `sums` is scratch for as many numbers.
void blend_rows(const uint8_t* source, int64_t bytes, const int32_t* weights, int64_t rows, int32_t* sums,
                uint8_t* target);

}  // namespace mcloss::data
