#include "group_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

// Each function is compiled for every instruction set and chosen when the library is loaded.
#if defined(__x86_64__)
#define MCLOSS_VECTORIZED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MCLOSS_VECTORIZED
#endif
#define MCLOSS_INLINE inline __attribute__((always_inline))

namespace mcloss {
namespace {

// exp(x) for x <= 0, in a form that compilers vectorise: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]
// (Cephes' expf). Relative error below 2e-7; NaN stays NaN, and what would be subnormal becomes 0.
MCLOSS_INLINE float exp_of_negative(float x) {
  constexpr float kLeast = -87.3F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const float clamped = x < kLeast ? kLeast : x;
  const float shifted = clamped * 1.44269504088896341F + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto exponent = (std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound) + 127) << 23;
  const float result = p * std::bit_cast<float>(exponent);
  return x < kLeast ? 0.0F : result;
}

MCLOSS_INLINE double exp_of_negative(double x) {
  return std::exp(x);
}

template <class T>
MCLOSS_INLINE T score(const Group<T>& group) {
  const int64_t positions = group.positions;
  T* __restrict best = group.best;
  int32_t* __restrict winner = group.winner;
  const T first = group.mask[0];
  for (int64_t p = 0; p < positions; ++p) {
    best[p] = first * group.values[p];
    winner[p] = 0;
  }
  for (int64_t j = 1; j < group.channels; ++j) {
    const T keep = group.mask[j];
    const T* __restrict row = group.values + j * positions;
    for (int64_t p = 0; p < positions; ++p) {
      const T value = keep * row[p];
      const bool wins = value > best[p] || value != value;
      winner[p] = wins ? static_cast<int32_t>(j) : winner[p];
      best[p] = wins ? value : best[p];
    }
  }
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t p = 0; p < positions; ++p) sum += best[p];
  return sum / static_cast<T>(positions);
}

template <class T>
MCLOSS_INLINE void softmax_row(const T* __restrict values, T* __restrict softmax, int64_t positions) {
  T largest = -std::numeric_limits<T>::infinity();
#pragma omp simd reduction(max : largest)
  for (int64_t p = 0; p < positions; ++p) largest = values[p] > largest ? values[p] : largest;
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t p = 0; p < positions; ++p) {
    softmax[p] = exp_of_negative(values[p] - largest);
    sum += softmax[p];
  }
  const T scale = 1 / sum;
  for (int64_t p = 0; p < positions; ++p) softmax[p] *= scale;
}

template <class T>
MCLOSS_INLINE T coverage(const Group<T>& group) {
  const int64_t positions = group.positions;
  T* __restrict best = group.best;
  int32_t* __restrict winner = group.winner;
  for (int64_t j = 0; j < group.channels; ++j) {
    T* __restrict row = group.softmax + j * positions;
    softmax_row(group.values + j * positions, row, positions);
    for (int64_t p = 0; p < positions; ++p) {
      const bool wins = j == 0 || row[p] > best[p] || row[p] != row[p];
      winner[p] = wins ? static_cast<int32_t>(j) : winner[p];
      best[p] = wins ? row[p] : best[p];
    }
  }
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t p = 0; p < positions; ++p) sum += best[p];
  return sum;
}

// Through the softmax s of channel j: dh/dvalue[p] = s[p] * (won[p] - sum of s over the places that j won).
template <class T>
MCLOSS_INLINE void coverage_gradient(const Group<T>& group, T weight, T* gradient) {
  const int64_t positions = group.positions;
  for (int64_t j = 0; j < group.channels; ++j) {
    const T* __restrict row = group.softmax + j * positions;
    const int32_t* __restrict winner = group.winner;
    T* __restrict out = gradient + j * positions;
    const auto channel = static_cast<int32_t>(j);
    T won = 0;
#pragma omp simd reduction(+ : won)
    for (int64_t p = 0; p < positions; ++p) won += winner[p] == channel ? row[p] : T(0);
    for (int64_t p = 0; p < positions; ++p) {
      const T kept = winner[p] == channel ? T(1) : T(0);
      out[p] = weight * row[p] * (kept - won);
    }
  }
}

}  // namespace

template <>
MCLOSS_VECTORIZED float max_score(const Group<float>& group) {
  return score(group);
}

template <>
MCLOSS_VECTORIZED double max_score(const Group<double>& group) {
  return score(group);
}

template <>
MCLOSS_VECTORIZED float max_coverage(const Group<float>& group) {
  return coverage(group);
}

template <>
MCLOSS_VECTORIZED double max_coverage(const Group<double>& group) {
  return coverage(group);
}

template <>
MCLOSS_VECTORIZED void write_coverage_gradient(const Group<float>& group, float weight, float* gradient) {
  coverage_gradient(group, weight, gradient);
}

template <>
MCLOSS_VECTORIZED void write_coverage_gradient(const Group<double>& group, double weight, double* gradient) {
  coverage_gradient(group, weight, gradient);
}

}  // namespace mcloss
