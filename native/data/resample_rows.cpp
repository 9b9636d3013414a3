#include "resample_rows.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define MCLOSS_AVX2 __attribute__((target("avx2")))
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MCLOSS_VECTORIZED __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define MCLOSS_VECTORIZED
#endif

namespace mcloss::data {
namespace {

constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);

inline uint8_t to_byte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

void write_row(const Taps& taps, int64_t first, const uint8_t* row, int64_t outputs, uint8_t* target) {
  for (int64_t output = 0; output < outputs; ++output, target += 3) {
    const auto [start, count] = taps.spans[output];
    const int32_t* weights = taps.weights_of(output);
    const uint8_t* pixel = row + 3 * (start - first);
    int32_t sums[3] = {kHalf, kHalf, kHalf};
    for (int64_t tap = 0; tap < count; ++tap, pixel += 3) {
      for (int channel = 0; channel < 3; ++channel) sums[channel] += pixel[channel] * weights[tap];
    }
    for (int channel = 0; channel < 3; ++channel) target[channel] = to_byte(sums[channel]);
  }
}

#ifdef MCLOSS_AVX2

constexpr int64_t kTapsAtOnce = 4;
constexpr int64_t kLanes = 16;  // of 16 bits
// A weight is split in two parts of 16 bits, so that pairs of products are summed by one instruction; the sum
// of both parts is exact.
constexpr int kLowBits = 11;

bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}

int16_t low_part(int32_t weight) {
  return static_cast<int16_t>(weight & ((1 << kLowBits) - 1));
}

int16_t high_part(int32_t weight) {
  return static_cast<int16_t>(weight >> kLowBits);
}

MCLOSS_AVX2 inline __m256i load_vector(const int16_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

// Each output of the `groups` × 4 pixels from its offset on; kGroups is their number, or 0 for any.
template <int64_t kGroups>
MCLOSS_AVX2 void write_row_avx2(const uint8_t* row, const int32_t* offsets, const int16_t* weights,
                                int64_t groups, int64_t outputs, uint8_t* target) {
  if (kGroups > 0) groups = kGroups;
  // Of pixels 0 and 1 in one half, of 2 and 3 in the other: red of both, green of both, blue of both.
  const auto pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                      6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  for (int64_t output = 0; output < outputs; ++output, target += 3) {
    const uint8_t* pixels = row + offsets[output];
    auto high = _mm256_setzero_si256();
    auto low = _mm256_setzero_si256();
    for (int64_t group = 0; group < groups; ++group, pixels += 3 * kTapsAtOnce, weights += 2 * kLanes) {
      const auto four =
          _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels)));
      const auto spread = _mm256_shuffle_epi8(four, pairs);
      high = _mm256_add_epi32(high, _mm256_madd_epi16(spread, load_vector(weights)));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(spread, load_vector(weights + kLanes)));
    }
    const auto sums = _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
    auto sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kPrecisionBits);
    sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
    const int32_t pixel = _mm_cvtsi128_si32(sum);
    std::memcpy(target, &pixel, sizeof(pixel));
  }
}

#endif

}  // namespace

RowResampler::RowResampler(const Taps& taps, int64_t first) : taps_(taps), first_(first) {
#ifdef MCLOSS_AVX2
  if (!has_avx2()) return;
  int64_t most = 0;
  int64_t end = first;
  for (const auto& [start, count] : taps.spans) {
    most = std::max(most, count);
    end = std::max(end, start + count);
  }
  const int64_t groups = (most + kTapsAtOnce - 1) / kTapsAtOnce;
  const int64_t width = groups * kTapsAtOnce;
  if (end - first < width) return;
  groups_ = groups;
  spread_.resize(taps.spans.size() * static_cast<size_t>(groups * 2 * kLanes));
  int16_t* vectors = spread_.data();
  for (size_t output = 0; output < taps.spans.size(); ++output, vectors += groups * 2 * kLanes) {
    const auto [start, count] = taps.spans[output];
    // At the right edge the first of the pixels are those that do not count.
    const int64_t begin = std::min(start, end - width);
    offsets_.push_back(static_cast<int32_t>(3 * (begin - first)));
    const int32_t* weights = taps.weights_of(static_cast<int64_t>(output));
    for (int64_t tap = 0; tap < count; ++tap) {
      const int64_t place = start - begin + tap;
      int16_t* vector =
          vectors + place / kTapsAtOnce * 2 * kLanes + place % kTapsAtOnce / 2 * (kLanes / 2) + place % 2;
      for (int channel = 0; channel < 3; ++channel) {
        vector[2 * channel] = high_part(weights[tap]);
        vector[2 * channel + kLanes] = low_part(weights[tap]);
      }
    }
  }
#endif
}

void RowResampler::write(const uint8_t* row, int64_t outputs, uint8_t* target) const {
#ifdef MCLOSS_AVX2
  if (groups_ == 1) return write_row_avx2<1>(row, offsets_.data(), spread_.data(), groups_, outputs, target);
  if (groups_ > 1) return write_row_avx2<0>(row, offsets_.data(), spread_.data(), groups_, outputs, target);
#endif
  write_row(taps_, first_, row, outputs, target);
}

MCLOSS_VECTORIZED void blend_rows(const uint8_t* source, int64_t bytes, const int32_t* weights, int64_t rows,
                                  int32_t* sums, uint8_t* target) {
  std::fill_n(sums, bytes, kHalf);
  for (int64_t row = 0; row < rows; ++row, source += bytes) {
    const int32_t weight = weights[row];
    for (int64_t i = 0; i < bytes; ++i) sums[i] += source[i] * weight;
  }
  for (int64_t i = 0; i < bytes; ++i) target[i] = to_byte(sums[i]);
}

}  // namespace mcloss::data
