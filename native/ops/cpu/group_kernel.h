#pragma once

#include <cstdint>
#include <type_traits>

namespace mcloss::cpu {

// Classes side by side that own equally many channels each, of one sample. A row holds a channel's values at
// all positions. T is the type that is accumulated in: float or double.
template <class T>
struct Groups {
  int64_t count;
  int64_t channels;  // of each group
  int64_t positions;
  const T* values;  // [count * channels] rows, `stride` elements apart
  int64_t stride;   // at least the kernel's `width`
  const T* kept;    // [count * channels], 1 for channels that take part in the score and 0 for the others
  // [count, channels], numbered within the group: those that can win the score's max, ascending. They are
  // those kept and, of the others, whose values are all the same constant 0, the first.
  const int16_t* candidates;
  const int* candidate_counts;  // [count]
};

// Memory that is moved while the processor computes: what the next sample will need is asked for, and
// finished gradients are written past the caches, which would otherwise first read what is overwritten.
struct Traffic {
  const char* next = nullptr;
  int64_t next_step = 0;  // bytes to ask for with each vector, or 0
  const char* from = nullptr;
  char* to = nullptr;  // on a cache line
  int64_t lines = 0;
};
constexpr int64_t kCacheLine = 64;

template <class T>
using WinnerOf = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

// Room for some groups. Rows begin on cache lines and are `stride` elements apart, a multiple of the kernel's
// `width`.
template <class T>
struct Workspace {
  int64_t stride;
  T* exps;              // [count * channels] rows: exp(value - the row's maximum)
  T* scales;            // [count * channels]: 1 / sum of a row of exps
  T* won;               // [count * channels]
  WinnerOf<T>* winner;  // [count] rows: the channel whose softmax is the largest at a position
  Traffic* traffic;
};

// What the gradient is made of.
template <class T>
struct Slopes {
  bool max_coverage;      // cross-channel pooling of the coverage: max, or mean (whose gradient is 0)
  const T* coverage;      // [count]: d(loss) / d(h)
  const T* score;         // [count]: d(loss) / d(a position's share of g)
  const int16_t* winner;  // [count] rows as max_scores() left them; absent where the score is a mean
};

// Between float32 and a 16-bit type, as bits; to the nearest, even of two.
struct HalfConversion {
  void (*widen)(const uint16_t* from, float* to, int64_t count);
  void (*narrow)(const float* from, uint16_t* to, int64_t count);
};

// The arithmetic of some groups, for one instruction set. Where a row is not a multiple of `width`, its last
// `width` elements are read (and written) together, so rows must have that many; positions beyond the last
// one, if any, must repeat a value of the row.
template <class T>
struct GroupKernel {
  int64_t width;
  // g of each group: the mean over positions of the max over channels of kept * value; `winner`, in rows that
  // are `winner_stride` apart, tells which channel it was, the first of equals.
  void (*max_scores)(const Groups<T>& groups, T* scores, int16_t* winner, int64_t winner_stride);
  // The mean over positions and channels of kept * value.
  void (*mean_scores)(const Groups<T>& groups, T* scores);
  // h of each group: the sum over positions of the max (or mean) over channels of the spatial softmax.
  void (*coverage)(const Groups<T>& groups, const Workspace<T>& workspace, bool max_coverage, T* covered);
  // The gradient by the groups' values, after coverage(); rows of `gradient` are groups.stride apart and may
  // be those of the values.
  void (*gradient)(const Groups<T>& groups, const Workspace<T>& workspace, const Slopes<T>& slopes,
                   T* gradient);
  // Writes the lines that are left.
  void (*finish)(Traffic& traffic);
  // Must follow the last line, before another thread may read what was written.
  void (*fence)();
  // Turns channels_last memory into rows of the kernel's `width`: to[column * to_stride + row] = from[row *
  // from_stride + column]. Rows beyond the last one, up to a multiple of `width`, repeat it.
  void (*to_channels)(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                      int64_t to_stride);
  // Back, for at most `width` columns: to[column * to_stride + row] = from[row * from_stride + column]. Whole
  // vectors are read.
  void (*to_positions)(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                       int64_t to_stride);
  // The same past the caches, where the kernel can: `to`, `rows` and `to_stride` must be multiples of a line.
  void (*stream_positions)(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                           int64_t to_stride);
  // Of float32 alone.
  HalfConversion bfloat16;
  HalfConversion half;
};

namespace avx512 {
template <class T>
GroupKernel<T> make_group_kernel();
}
namespace avx2 {
template <class T>
GroupKernel<T> make_group_kernel();
}
namespace baseline {
template <class T>
GroupKernel<T> make_group_kernel();
}

}  // namespace mcloss::cpu
