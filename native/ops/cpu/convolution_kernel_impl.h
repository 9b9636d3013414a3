// The convolutions in GCC's vector extensions. Included once for each instruction set, by a file that defines
// MCLOSS_ISA (a namespace), MCLOSS_VECTOR_BYTES and MCLOSS_ROWS × MCLOSS_VECTORS (sums that are held in
// registers) and is compiled for those instructions. Nothing of the standard library may be instantiated
// here: the linker could choose that copy for every processor.

// GCC 12 takes what its own intrinsics leave undefined for a mistake.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

namespace mcloss::cpu::MCLOSS_ISA {
namespace {

constexpr int kLanes = MCLOSS_VECTOR_BYTES / sizeof(float);
constexpr int kSide = 4;  // of a tile of inputs
typedef float Floats __attribute__((vector_size(MCLOSS_VECTOR_BYTES)));

inline Floats load_floats(const float* from) {
  Floats vector;
  __builtin_memcpy(&vector, from, sizeof(vector));
  return vector;
}

inline void store_floats(const Floats& vector, float* to) {
  __builtin_memcpy(to, &vector, sizeof(vector));
}

#if MCLOSS_VECTOR_BYTES == 64
inline __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>((1U << count) - 1);
}

inline Floats load_first(const float* from, int64_t count) {
  return static_cast<Floats>(_mm512_maskz_loadu_ps(first_lanes(count), from));
}

inline void store_first(const Floats& vector, float* to, int64_t count) {
  _mm512_mask_storeu_ps(to, first_lanes(count), static_cast<__m512>(vector));
}

// Of a NaN and a bound the second operand is given.
inline Floats held_between(const Floats& sum, const Floats& low, const Floats& high) {
  return static_cast<Floats>(_mm512_min_ps(
      static_cast<__m512>(high), _mm512_max_ps(static_cast<__m512>(low), static_cast<__m512>(sum))));
}
#else
inline __m256i first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Floats load_first(const float* from, int64_t count) {
  return static_cast<Floats>(_mm256_maskload_ps(from, first_lanes(count)));
}

inline void store_first(const Floats& vector, float* to, int64_t count) {
  _mm256_maskstore_ps(to, first_lanes(count), static_cast<__m256>(vector));
}

inline Floats held_between(const Floats& sum, const Floats& low, const Floats& high) {
  return static_cast<Floats>(_mm256_min_ps(
      static_cast<__m256>(high), _mm256_max_ps(static_cast<__m256>(low), static_cast<__m256>(sum))));
}
#endif

// The first `count` of them, and zeros.
inline Floats load_some(const float* from, int64_t count) {
  return count >= kLanes ? load_floats(from) : load_first(from, count);
}

inline void store_some(const Floats& vector, float* to, int64_t count) {
  if (count >= kLanes) return store_floats(vector, to);
  store_first(vector, to, count);
}

inline int64_t padded_to_lanes(int64_t count) {
  return (count + kLanes - 1) / kLanes * kLanes;
}

// Where a tile's outputs begin.
struct TilePlace {
  int64_t sample, y, x;
};

inline TilePlace place_of(const WinogradProblem& problem, int64_t tile) {
  const int64_t column = tile % problem.tiles_x;
  const int64_t row = tile / problem.tiles_x;
  return {row / problem.tiles_y, row % problem.tiles_y * 2, column * 2};
}

void transform_input(const WinogradProblem& problem, const WinogradTiles& tiles, int64_t begin, int64_t end) {
  const int64_t channels = problem.channels;
  const int64_t stride = padded_to_lanes(channels);
  const int64_t place_stride = tiles.count * stride;
  for (int64_t t = begin; t < end; ++t) {
    const TilePlace place = place_of(problem, tiles.first + t);
    const float* rows[kSide * kSide];  // null outside the image
    for (int i = 0; i < kSide; ++i) {
      const int64_t y = place.y - problem.pad_y + i;
      for (int j = 0; j < kSide; ++j) {
        const int64_t x = place.x - problem.pad_x + j;
        const bool inside = y >= 0 && y < problem.height && x >= 0 && x < problem.width;
        rows[kSide * i + j] =
            inside ? problem.input + ((place.sample * problem.height + y) * problem.width + x) * channels
                   : nullptr;
      }
    }
    float* to = tiles.transformed + t * stride;
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int64_t count = channels - c;
      Floats half[kSide][kSide];
      for (int j = 0; j < kSide; ++j) {
        Floats d[kSide];
        for (int i = 0; i < kSide; ++i) {
          const float* row = rows[kSide * i + j];
          d[i] = row ? load_some(row + c, count) : Floats{};
        }
        half[0][j] = d[0] - d[2];
        half[1][j] = d[1] + d[2];
        half[2][j] = d[2] - d[1];
        half[3][j] = d[1] - d[3];
      }
      float* at = to + c;
      for (int i = 0; i < kSide; ++i) {
        const Floats* d = half[i];
        store_floats(d[0] - d[2], at + (kSide * i + 0) * place_stride);
        store_floats(d[1] + d[2], at + (kSide * i + 1) * place_stride);
        store_floats(d[2] - d[1], at + (kSide * i + 2) * place_stride);
        store_floats(d[1] - d[3], at + (kSide * i + 3) * place_stride);
      }
    }
  }
}

// kRows tiles by kVectors vectors of outputs.
template <int kRows, int kVectors>
inline void multiply_block(const float* left, int64_t left_stride, int64_t depth, const float* right,
                           float* to, int64_t to_stride) {
  Floats sums[kRows][kVectors] = {};
  for (int64_t c = 0; c < depth; ++c) {
    Floats weights[kVectors];
    for (int v = 0; v < kVectors; ++v) weights[v] = load_floats(right + (c * kVectors + v) * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const float value = left[r * left_stride + c];
      for (int v = 0; v < kVectors; ++v) sums[r][v] += weights[v] * value;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store_floats(sums[r][v], to + r * to_stride + v * kLanes);
  }
}

template <int kRows, int kVectors>
inline void multiply_rest(int64_t rows, const float* left, int64_t left_stride, int64_t depth,
                          const float* right, float* to, int64_t to_stride) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      multiply_block<kRows, kVectors>(left, left_stride, depth, right, to, to_stride);
    } else {
      multiply_rest<kRows - 1, kVectors>(rows, left, left_stride, depth, right, to, to_stride);
    }
  }
}

template <int kVectors>
void multiply_columns(int64_t rows, const float* left, int64_t left_stride, int64_t depth, const float* right,
                      float* to, int64_t to_stride) {
  for (; rows >= MCLOSS_ROWS; rows -= MCLOSS_ROWS) {
    multiply_block<MCLOSS_ROWS, kVectors>(left, left_stride, depth, right, to, to_stride);
    left += MCLOSS_ROWS * left_stride;
    to += MCLOSS_ROWS * to_stride;
  }
  multiply_rest<MCLOSS_ROWS - 1, kVectors>(rows, left, left_stride, depth, right, to, to_stride);
}

template <int kVectors>
void choose_columns(int64_t vectors, int64_t rows, const float* left, int64_t left_stride, int64_t depth,
                    const float* right, float* to, int64_t to_stride) {
  if constexpr (kVectors > 0) {
    if (vectors == kVectors) {
      multiply_columns<kVectors>(rows, left, left_stride, depth, right, to, to_stride);
    } else {
      choose_columns<kVectors - 1>(vectors, rows, left, left_stride, depth, right, to, to_stride);
    }
  }
}

void multiply(const WinogradProblem& problem, const WinogradTiles& tiles, int64_t place, int64_t block) {
  constexpr int64_t kColumns = MCLOSS_VECTORS * kLanes;
  const int64_t depth = problem.channels;
  const int64_t left_stride = padded_to_lanes(depth), to_stride = padded_to_lanes(problem.outputs);
  const int64_t first = block * kColumns;
  const int64_t rest = to_stride - first;
  const int64_t vectors = (rest < kColumns ? rest : kColumns) / kLanes;
  choose_columns<MCLOSS_VECTORS>(vectors, tiles.count, tiles.transformed + place * tiles.count * left_stride,
                                 left_stride, depth, problem.weights + (place * to_stride + first) * depth,
                                 tiles.products + place * tiles.count * to_stride + first, to_stride);
}

void transform_output(const WinogradProblem& problem, const WinogradTiles& tiles, int64_t begin,
                      int64_t end) {
  const int64_t outputs = problem.outputs;
  const int64_t stride = padded_to_lanes(outputs);
  const int64_t place_stride = tiles.count * stride;
  const Floats low = Floats{} + problem.low, high = Floats{} + problem.high;
  for (int64_t t = begin; t < end; ++t) {
    const TilePlace place = place_of(problem, tiles.first + t);
    const int64_t rows = problem.output_height - place.y < 2 ? 1 : 2;
    const int64_t columns = problem.output_width - place.x < 2 ? 1 : 2;
    const int64_t row_stride = problem.output_width * outputs;
    const int64_t start =
        ((place.sample * problem.output_height + place.y) * problem.output_width + place.x) * outputs;
    const float* from = tiles.products + t * stride;
    for (int64_t c = 0; c < outputs; c += kLanes) {
      const int64_t count = outputs - c;
      Floats half[2][kSide];
      for (int j = 0; j < kSide; ++j) {
        Floats m[kSide];
        for (int i = 0; i < kSide; ++i) m[i] = load_floats(from + c + (kSide * i + j) * place_stride);
        half[0][j] = m[0] + m[1] + m[2];
        half[1][j] = m[1] - m[2] - m[3];
      }
      const Floats bias = load_floats(problem.bias + c);
      for (int64_t i = 0; i < rows; ++i) {
        const Floats* m = half[i];
        const Floats sums[2] = {m[0] + m[1] + m[2] + bias, m[1] - m[2] - m[3] + bias};
        for (int64_t j = 0; j < columns; ++j) {
          const int64_t offset = start + i * row_stride + j * outputs + c;
          Floats sum = sums[j];
          if (problem.other) sum += load_some(problem.other + offset, count);
          store_some(held_between(sum, low, high), problem.output + offset, count);
        }
      }
    }
  }
}

// kRows outputs by kVectors vectors of their channels, of which `count` are there.
template <int kRows, int kVectors>
inline void product_block(const ProductProblem& problem, const float* input, const float* weights,
                          const float* bias, const float* other, float* output, int64_t count) {
  Floats sums[kRows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const Floats start = load_floats(bias + v * kLanes);
    for (int r = 0; r < kRows; ++r) sums[r][v] = start;
  }
  for (int64_t stretch = 0; stretch < problem.stretches; ++stretch) {
    const float* left = input + stretch * problem.stretch_stride;
    for (int64_t c = 0; c < problem.length; ++c) {
      Floats factors[kVectors];
      for (int v = 0; v < kVectors; ++v) factors[v] = load_floats(weights + v * kLanes);
      weights += kVectors * kLanes;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const float value = left[r * problem.input_stride + c];
        for (int v = 0; v < kVectors; ++v) sums[r][v] += factors[v] * value;
      }
    }
  }
  const Floats low = Floats{} + problem.low, high = Floats{} + problem.high;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      const int64_t offset = r * problem.outputs + v * kLanes;
      if (other) sums[r][v] += load_some(other + offset, count - v * kLanes);
      store_some(held_between(sums[r][v], low, high), output + offset, count - v * kLanes);
    }
  }
}

// As many outputs at once as leave registers for the weights: with few vectors of channels more, so that no
// sum waits for itself.
template <int kVectors>
constexpr int kProductRows =
    MCLOSS_ROWS * MCLOSS_VECTORS / kVectors < 12 ? MCLOSS_ROWS * MCLOSS_VECTORS / kVectors : 12;

template <int kRows, int kVectors>
inline void product_rows(int64_t rows, const ProductProblem& problem, const float* input,
                         const float* weights, const float* bias, const float* other, float* output,
                         int64_t count) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      product_block<kRows, kVectors>(problem, input, weights, bias, other, output, count);
    } else {
      product_rows<kRows - 1, kVectors>(rows, problem, input, weights, bias, other, output, count);
    }
  }
}

template <int kVectors>
void product_columns(int64_t vectors, int64_t rows, const ProductProblem& problem, const float* input,
                     const float* weights, const float* bias, const float* other, float* output,
                     int64_t count) {
  if constexpr (kVectors > 0) {
    if (vectors != kVectors) {
      return product_columns<kVectors - 1>(vectors, rows, problem, input, weights, bias, other, output,
                                           count);
    }
    constexpr int64_t kMost = kProductRows<kVectors>;
    while (rows > 0) {
      // The last two take about as many.
      const int64_t taken = rows >= 2 * kMost || rows == kMost ? kMost : rows > kMost ? (rows + 1) / 2 : rows;
      product_rows<kMost, kVectors>(taken, problem, input, weights, bias, other, output, count);
      rows -= taken;
      input += taken * problem.input_stride;
      if (other) other += taken * problem.outputs;
      output += taken * problem.outputs;
    }
  }
}

void product(const ProductProblem& problem, const ProductRows& rows, int64_t block) {
  constexpr int64_t kColumns = MCLOSS_VECTORS * kLanes;
  const int64_t first = block * kColumns;
  const int64_t rest = problem.outputs - first;
  const int64_t count = rest < kColumns ? rest : kColumns;
  product_columns<MCLOSS_VECTORS>(padded_to_lanes(count) / kLanes, rows.count, problem, rows.input,
                                  problem.weights + first * problem.stretches * problem.length,
                                  problem.bias + first, rows.other ? rows.other + first : nullptr,
                                  rows.output + first, count);
}

// Outputs side by side that are summed at once, so that no sum waits for itself.
constexpr int kOutputsAtOnce = 4;
// Rows of outputs that are made for the same channels, whose inputs stay in the first cache meanwhile.
constexpr int64_t kBandRows = 8;

// One vector of channels. kSize and kStride are the kernel's side and stride, or 0 for what the problem says.
template <int kSize, int kStride>
struct DepthwiseChannels {
  const DepthwiseProblem& problem;
  int64_t first, count;
  Floats bias, low, high;
  Floats weights[kSize ? kSize * kSize : kMostTaps];

  DepthwiseChannels(const DepthwiseProblem& problem, int64_t first)
      : problem(problem), first(first), count(problem.channels - first) {
    const int64_t padded = padded_to_lanes(problem.channels);
    for (int64_t tap = 0; tap < kernel_height() * kernel_width(); ++tap) {
      weights[tap] = load_floats(problem.weights + tap * padded + first);
    }
    bias = load_floats(problem.bias + first);
    low = Floats{} + problem.low;
    high = Floats{} + problem.high;
  }

  int64_t kernel_height() const { return kSize ? kSize : problem.kernel_height; }
  int64_t kernel_width() const { return kSize ? kSize : problem.kernel_width; }
  int64_t stride() const { return kStride ? kStride : problem.stride_x; }

  void write_row(int64_t sample, int64_t y) const {
    const int64_t channels = problem.channels;
    const int64_t top = y * problem.stride_y - problem.pad_y;
    const float* image = problem.input + sample * problem.height * problem.width * channels + first;
    const int64_t start = (sample * problem.output_height + y) * problem.output_width * channels + first;
    for (int64_t x = 0; x < problem.output_width; x += kOutputsAtOnce) {
      const int64_t left = x * stride() - problem.pad_x;
      const int64_t right = left + (kOutputsAtOnce - 1) * stride() + kernel_width();
      const bool inside = left >= 0 && right <= problem.width && count >= kLanes;
      Floats sums[kOutputsAtOnce] = {bias, bias, bias, bias};
      if (inside) {
        add_taps<false>(image, top, left, sums);
      } else {
        add_taps<true>(image, top, left, sums);
      }
      const int64_t rest = problem.output_width - x;
      for (int u = 0; u < kOutputsAtOnce; ++u) {
        if (u >= rest) break;
        const int64_t offset = start + (x + u) * channels;
        if (problem.other) sums[u] += load_some(problem.other + offset, count);
        store_some(held_between(sums[u], low, high), problem.output + offset, count);
      }
    }
  }

  // kAtEdge: what lies outside the image, or beyond its channels, is not read.
  template <bool kAtEdge>
  void add_taps(const float* image, int64_t top, int64_t left, Floats* sums) const {
    if constexpr (kSize > 0) {
#pragma GCC unroll 7
      for (int64_t i = 0; i < kSize; ++i) add_row<kAtEdge>(image, top, left, i, sums);
    } else {
      for (int64_t i = 0; i < kernel_height(); ++i) add_row<kAtEdge>(image, top, left, i, sums);
    }
  }

  // Of row i of the kernel.
  template <bool kAtEdge>
  inline __attribute__((always_inline)) void add_row(const float* image, int64_t top, int64_t left, int64_t i,
                                                     Floats* sums) const {
    if (top + i < 0 || top + i >= problem.height) return;
    const float* row = image + (((top + i) & problem.row_mask) * problem.width + left) * problem.channels;
    const auto at = [&](int64_t column) {
      if (!kAtEdge) return load_floats(row + column * problem.channels);
      const bool inside = left + column >= 0 && left + column < problem.width;
      return inside ? load_some(row + column * problem.channels, count) : Floats{};
    };
    const auto add = [&](int64_t j) {
      for (int u = 0; u < kOutputsAtOnce; ++u) {
        sums[u] += at(u * stride() + j) * weights[i * kernel_width() + j];
      }
    };
    if constexpr (kSize == 0) {
      for (int64_t j = 0; j < kernel_width(); ++j) add(j);
    } else if constexpr (kStride == 1) {
      // Each input serves several outputs.
      Floats inputs[kSize + kOutputsAtOnce - 1];
#pragma GCC unroll 16
      for (int j = 0; j < kSize + kOutputsAtOnce - 1; ++j) inputs[j] = at(j);
#pragma GCC unroll 7
      for (int j = 0; j < kSize; ++j) {
        for (int u = 0; u < kOutputsAtOnce; ++u) sums[u] += inputs[u + j] * weights[i * kSize + j];
      }
    } else {
#pragma GCC unroll 7
      for (int j = 0; j < kSize; ++j) add(j);
    }
  }
};

template <int kSize, int kStride>
void depthwise_rows(const DepthwiseProblem& problem, int64_t begin, int64_t end) {
  for (int64_t band = begin; band < end; band += kBandRows) {
    const int64_t stop = band + kBandRows < end ? band + kBandRows : end;
    for (int64_t first = 0; first < problem.channels; first += kLanes) {
      const DepthwiseChannels<kSize, kStride> channels(problem, first);
      for (int64_t row = band; row < stop; ++row) {
        channels.write_row(row / problem.output_height, row % problem.output_height);
      }
    }
  }
}

void depthwise(const DepthwiseProblem& problem, int64_t begin, int64_t end) {
  const int64_t size = problem.kernel_height == problem.kernel_width ? problem.kernel_width : 0;
  const int64_t stride = problem.stride_x;
  if (size == 3 && stride == 1) return depthwise_rows<3, 1>(problem, begin, end);
  if (size == 3 && stride == 2) return depthwise_rows<3, 2>(problem, begin, end);
  if (size == 5 && stride == 1) return depthwise_rows<5, 1>(problem, begin, end);
  if (size == 7 && stride == 1) return depthwise_rows<7, 1>(problem, begin, end);
  depthwise_rows<0, 0>(problem, begin, end);
}

}  // namespace

ConvolutionKernel make_convolution_kernel() {
  return {kLanes, MCLOSS_VECTORS * kLanes, transform_input, multiply, transform_output, product, depthwise};
}

}  // namespace mcloss::cpu::MCLOSS_ISA
