#pragma once

#include <cstdint>

namespace mcloss {

// One class's channels of one sample, [channels, positions] one after another, and room to work in. T is the
// type that is accumulated in: float or double.
template <class T>
struct Group {
  int64_t channels;
  int64_t positions;
  const uint8_t* mask;  // [channels]
  const T* values;      // [channels, positions]
  T* softmax;           // [channels, positions]
  T* best;              // [positions]
  int32_t* winner;      // [positions]
};

// The class's score g: the mean over positions of the max over channels of mask * value. `winner` tells which
// channel it was, the first of equals.
template <class T>
T max_score(const Group<T>& group);

// h: the sum over positions of the max over channels of the spatial softmax, which is left in `softmax`.
template <class T>
T max_coverage(const Group<T>& group);

// Adds `weight` * dh/dvalue to `gradient` [channels, positions]; after max_coverage().
template <class T>
void write_coverage_gradient(const Group<T>& group, T weight, T* gradient);

}  // namespace mcloss
