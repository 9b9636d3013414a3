// The convolutions in GCC's vector extensions. Included once for each instruction set, by a file that defines
// MCLOSS_ISA (a namespace), MCLOSS_VECTOR_BYTES and MCLOSS_ROWS × MCLOSS_VECTORS (sums that are held in
// registers) and is compiled for those instructions. Nothing of the standard library may be instantiated
// here: the linker could choose that copy for every processor.

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

// The first `count` of them, and zeros.
inline Floats load_some(const float* from, int64_t count) {
  if (count >= kLanes) return load_floats(from);
  Floats vector{};
  __builtin_memcpy(&vector, from, static_cast<uint64_t>(count) * sizeof(float));
  return vector;
}

inline void store_some(const Floats& vector, float* to, int64_t count) {
  if (count >= kLanes) return store_floats(vector, to);
  __builtin_memcpy(to, &vector, static_cast<uint64_t>(count) * sizeof(float));
}

inline int64_t padded_to_lanes(int64_t count) {
  return (count + kLanes - 1) / kLanes * kLanes;
}

inline Floats held_between(Floats sum, const Floats& low, const Floats& high) {
  // Comparisons that keep NaN.
  sum = sum < low ? low : sum;
  return sum > high ? high : sum;
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

// kRows rows by kVectors vectors of outputs, of which `count` are there.
template <int kRows, int kVectors>
inline void pointwise_block(const PointwiseProblem& problem, int64_t row, const float* weights, int64_t first,
                            int64_t count) {
  const int64_t depth = problem.channels;
  const float* left = problem.input + row * depth;
  Floats sums[kRows][kVectors] = {};
  for (int64_t c = 0; c < depth; ++c) {
    Floats factors[kVectors];
    for (int v = 0; v < kVectors; ++v) factors[v] = load_floats(weights + (c * kVectors + v) * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const float value = left[r * depth + c];
      for (int v = 0; v < kVectors; ++v) sums[r][v] += factors[v] * value;
    }
  }
  const Floats low = Floats{} + problem.low, high = Floats{} + problem.high;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      const int64_t offset = (row + r) * problem.outputs + first + v * kLanes;
      Floats sum = sums[r][v] + load_floats(problem.bias + first + v * kLanes);
      if (problem.other) sum += load_some(problem.other + offset, count - v * kLanes);
      store_some(held_between(sum, low, high), problem.output + offset, count - v * kLanes);
    }
  }
}

template <int kRows, int kVectors>
inline void pointwise_rest(const PointwiseProblem& problem, int64_t row, int64_t rows, const float* weights,
                           int64_t first, int64_t count) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      pointwise_block<kRows, kVectors>(problem, row, weights, first, count);
    } else {
      pointwise_rest<kRows - 1, kVectors>(problem, row, rows, weights, first, count);
    }
  }
}

template <int kVectors>
void pointwise_columns(int64_t vectors, const PointwiseProblem& problem, int64_t begin, int64_t end,
                       const float* weights, int64_t first, int64_t count) {
  if constexpr (kVectors > 0) {
    if (vectors != kVectors) {
      return pointwise_columns<kVectors - 1>(vectors, problem, begin, end, weights, first, count);
    }
    for (; end - begin >= MCLOSS_ROWS; begin += MCLOSS_ROWS) {
      pointwise_block<MCLOSS_ROWS, kVectors>(problem, begin, weights, first, count);
    }
    pointwise_rest<MCLOSS_ROWS - 1, kVectors>(problem, begin, end - begin, weights, first, count);
  }
}

void pointwise(const PointwiseProblem& problem, int64_t begin, int64_t end, int64_t block) {
  constexpr int64_t kColumns = MCLOSS_VECTORS * kLanes;
  const int64_t first = block * kColumns;
  const int64_t rest = problem.outputs - first;
  const int64_t count = rest < kColumns ? rest : kColumns;
  pointwise_columns<MCLOSS_VECTORS>(padded_to_lanes(count) / kLanes, problem, begin, end,
                                    problem.weights + first * problem.channels, first, count);
}

constexpr int64_t kMostTaps = 49;
// Outputs side by side that are summed at once, so that no sum waits for itself.
constexpr int kOutputsAtOnce = 4;

// One vector of channels of one row of outputs. kSize is the kernel's side, or 0 for what the problem says.
template <int kSize>
inline void depthwise_row(const DepthwiseProblem& problem, int64_t sample, int64_t y, int64_t c,
                          int64_t count) {
  const int64_t kernel_height = kSize ? kSize : problem.kernel_height;
  const int64_t kernel_width = kSize ? kSize : problem.kernel_width;
  const int64_t channels = problem.channels, padded = padded_to_lanes(channels);
  Floats weights[kSize ? kSize * kSize : kMostTaps];
  for (int64_t tap = 0; tap < kernel_height * kernel_width; ++tap) {
    weights[tap] = load_floats(problem.weights + tap * padded + c);
  }
  const Floats bias = load_floats(problem.bias + c);
  const Floats low = Floats{} + problem.low, high = Floats{} + problem.high;
  const int64_t top = y * problem.stride_y - problem.pad_y;
  const int64_t row_stride = problem.width * channels;
  const float* image = problem.input + sample * problem.height * row_stride + c;
  const bool rows_inside = top >= 0 && top + kernel_height <= problem.height && count >= kLanes;
  const int64_t start = (sample * problem.output_height + y) * problem.output_width * channels + c;
  const auto write = [&](int64_t x, Floats sum) {
    const int64_t offset = start + x * channels;
    if (problem.other) sum += load_some(problem.other + offset, count);
    store_some(held_between(sum, low, high), problem.output + offset, count);
  };
  for (int64_t x = 0; x < problem.output_width;) {
    const int64_t left = x * problem.stride_x - problem.pad_x;
    const int64_t right = left + (kOutputsAtOnce - 1) * problem.stride_x + kernel_width;
    if (rows_inside && left >= 0 && right <= problem.width && x + kOutputsAtOnce <= problem.output_width) {
      Floats sums[kOutputsAtOnce] = {bias, bias, bias, bias};
      const float* corner = image + top * row_stride + left * channels;
      for (int64_t i = 0; i < kernel_height; ++i) {
        for (int64_t j = 0; j < kernel_width; ++j) {
          const float* from = corner + i * row_stride + j * channels;
          const Floats weight = weights[i * kernel_width + j];
          for (int u = 0; u < kOutputsAtOnce; ++u) {
            sums[u] += load_floats(from + u * problem.stride_x * channels) * weight;
          }
        }
      }
      for (int u = 0; u < kOutputsAtOnce; ++u) write(x + u, sums[u]);
      x += kOutputsAtOnce;
      continue;
    }
    Floats sum = bias;
    for (int64_t i = 0; i < kernel_height; ++i) {
      if (top + i < 0 || top + i >= problem.height) continue;
      for (int64_t j = 0; j < kernel_width; ++j) {
        if (left + j < 0 || left + j >= problem.width) continue;
        const float* from = image + (top + i) * row_stride + (left + j) * channels;
        sum += load_some(from, count) * weights[i * kernel_width + j];
      }
    }
    write(x, sum);
    ++x;
  }
}

void depthwise(const DepthwiseProblem& problem, int64_t begin, int64_t end) {
  const bool three = problem.kernel_height == 3 && problem.kernel_width == 3;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t sample = row / problem.output_height, y = row % problem.output_height;
    for (int64_t c = 0; c < problem.channels; c += kLanes) {
      if (three) {
        depthwise_row<3>(problem, sample, y, c, problem.channels - c);
      } else {
        depthwise_row<0>(problem, sample, y, c, problem.channels - c);
      }
    }
  }
}

}  // namespace

ConvolutionKernel make_convolution_kernel() {
  return {kLanes, MCLOSS_VECTORS * kLanes, transform_input, multiply, transform_output, pointwise, depthwise};
}

}  // namespace mcloss::cpu::MCLOSS_ISA
