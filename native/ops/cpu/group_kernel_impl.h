// The group kernel in GCC's vector extensions. Included once for each instruction set, by a file that defines
// MCLOSS_ISA (a namespace) and MCLOSS_VECTOR_BYTES and is compiled for those instructions. Nothing of the
// standard library may be instantiated here: the linker could choose that copy for every processor.

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mcloss::cpu::MCLOSS_ISA {
namespace {

template <int kBytes>
struct Integer;
template <>
struct Integer<4> {
  using type = int32_t;
};
template <>
struct Integer<8> {
  using type = int64_t;
};

template <class T>
struct Lanes {
  static constexpr int kWidth = MCLOSS_VECTOR_BYTES / sizeof(T);
  using Int = typename Integer<sizeof(T)>::type;
  typedef T Vector __attribute__((vector_size(MCLOSS_VECTOR_BYTES)));
  typedef Int Ints __attribute__((vector_size(MCLOSS_VECTOR_BYTES)));
  typedef int16_t Shorts __attribute__((vector_size(kWidth * sizeof(int16_t))));
};

template <class T>
using Vector = typename Lanes<T>::Vector;
template <class T>
using Ints = typename Lanes<T>::Ints;

template <class V, class T>
inline V load(const T* from) {
  V vector;
  __builtin_memcpy(&vector, from, sizeof(V));
  return vector;
}

template <class V, class T>
inline void store(const V& vector, T* to) {
  __builtin_memcpy(to, &vector, sizeof(V));
}

template <class T>
inline Ints<T> load_winner(const int16_t* from) {
  return __builtin_convertvector(load<typename Lanes<T>::Shorts>(from), Ints<T>);
}

template <class T>
inline void store_winner(const Ints<T>& winner, int16_t* to) {
  store(__builtin_convertvector(winner, typename Lanes<T>::Shorts), to);
}

template <class T>
inline Vector<T> broadcast(T value) {
  return Vector<T>{} + value;
}

template <class T>
inline Ints<T> same(int64_t number) {
  return Ints<T>{} + static_cast<typename Lanes<T>::Int>(number);
}

template <class T>
inline Ints<T> lane_numbers() {
  Ints<T> lanes;
  for (int i = 0; i < Lanes<T>::kWidth; ++i) lanes[i] = i;
  return lanes;
}

// The upper half of the lanes brought down, until one is left.
template <class T, class Combine>
inline T reduce(Vector<T> vector, const Combine& combine) {
  const auto lanes = lane_numbers<T>();
  for (int half = Lanes<T>::kWidth / 2; half > 0; half /= 2) {
    vector = combine(vector, __builtin_shuffle(vector, lanes + half));
  }
  return vector[0];
}

template <class T>
inline Vector<T> larger(const Vector<T>& a, const Vector<T>& b) {
  return a > b ? a : b;
}

template <class T>
inline T sum_of(const Vector<T>& vector) {
  return reduce<T>(vector, [](const Vector<T>& a, const Vector<T>& b) { return a + b; });
}

template <class T>
inline T max_of(const Vector<T>& vector) {
  return reduce<T>(vector, [](const Vector<T>& a, const Vector<T>& b) { return larger<T>(a, b); });
}

// A line that bypasses the caches.
inline void stream_line(const char* from, char* to) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__x86_64__)
  for (int64_t i = 0; i < kCacheLine; i += 16) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
  }
#else
  __builtin_memcpy(to, from, kCacheLine);
#endif
}

// The same of one vector, which lies in a line.
template <class V, class T>
inline void stream_vector(const V& vector, T* to) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), __builtin_bit_cast(__m512i, vector));
#else
  store(vector, to);
#endif
}

inline void write_line(Traffic& traffic) {
  stream_line(traffic.from, traffic.to);
  traffic.from += kCacheLine;
  traffic.to += kCacheLine;
  --traffic.lines;
}

void finish(Traffic& traffic) {
  while (traffic.lines > 0) write_line(traffic);
}

void fence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// Calls visit(position, fresh) for each vector of a row: `fresh` is absent (false) where all of its lanes are
// new, and else tells which have not been seen before.
template <class T, class Visit>
inline void for_each_vector(int64_t positions, const Visit& visit) {
  constexpr int64_t kWidth = Lanes<T>::kWidth;
  int64_t p = 0;
  for (; p + kWidth <= positions; p += kWidth) visit(p, [](const Vector<T>& v) { return v; });
  const int64_t rest = positions - p;
  if (rest == 0) return;
  const auto lanes = lane_numbers<T>();
  const Ints<T> limit = same<T>(p == 0 ? rest : kWidth - rest);
  const Ints<T> fresh = p == 0 ? lanes < limit : lanes >= limit;
  visit(p == 0 ? 0 : positions - kWidth, [fresh](const Vector<T>& v) { return fresh ? v : Vector<T>{}; });
}

// exp(x) for x <= 0: 2^n times a polynomial for 2^r on [-1/2, 1/2] of relative error 1.1e-7. exp(0) is 1, NaN
// stays NaN, and nothing is less than 2^-126.
inline Vector<float> exp_of_negative(const Vector<float>& x) {
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const Vector<float> least = broadcast(-87.3F);
  const Vector<float> clamped = larger<float>(least, x);
  const Vector<float> shifted = clamped * kLog2E + kRound;
  const Vector<float> r = clamped * kLog2E - (shifted - kRound);  // one rounding, where there is FMA
  Vector<float> p = r * 1.3300226252e-03F + 9.6697588024e-03F;
  p = p * r + 5.5505603021e-02F;
  p = p * r + 2.4022280896e-01F;
  p = p * r + 6.9314718056e-01F;
  p = p * r + 1.0F;
  // The low bits of `shifted` are n; the constant's own leave by the top, so n comes into the exponent alone.
  const Ints<float> exponent = __builtin_bit_cast(Ints<float>, shifted) << 23;
  return __builtin_bit_cast(Vector<float>, __builtin_bit_cast(Ints<float>, p) + exponent);
}

inline Vector<double> exp_of_negative(const Vector<double>& x) {
  Vector<double> result;
  for (int i = 0; i < Lanes<double>::kWidth; ++i) result[i] = __builtin_exp(x[i]);
  return result;
}

// g of the group whose first row is `row`. A NaN may be lost here, where its channel is masked or a later one
// follows; coverage() never loses it.
template <class T>
T max_score(const Groups<T>& groups, int64_t row, int count, int16_t* winner_out) {
  const int16_t* candidates = groups.candidates + row;
  const T* kept = groups.kept + row;
  const T* values = groups.values + row * groups.stride;
  const T* first = values + candidates[0] * groups.stride;
  const T first_kept = kept[candidates[0]];
  Vector<T> sum{};
  for_each_vector<T>(groups.positions, [&](int64_t p, const auto& fresh) {
    Vector<T> best = load<Vector<T>>(first + p) * first_kept;
    Ints<T> winner = same<T>(candidates[0]);
    for (int i = 1; i < count; ++i) {
      const int64_t j = candidates[i];
      const Vector<T> value = load<Vector<T>>(values + j * groups.stride + p) * kept[j];
      const Ints<T> loses = value <= best;
      winner = loses ? winner : same<T>(j);
      best = loses ? best : value;
    }
    store_winner<T>(winner, winner_out + p);
    sum += fresh(best);
  });
  return sum_of<T>(sum) / static_cast<T>(groups.positions);
}

template <class T>
void max_scores(const Groups<T>& groups, T* scores, int16_t* winner, int64_t winner_stride) {
  for (int64_t k = 0; k < groups.count; ++k) {
    scores[k] =
        max_score(groups, k * groups.channels, groups.candidate_counts[k], winner + k * winner_stride);
  }
}

template <class T>
void mean_scores(const Groups<T>& groups, T* scores) {
  for (int64_t k = 0; k < groups.count; ++k) {
    T total = 0;
    for (int64_t j = k * groups.channels; j < (k + 1) * groups.channels; ++j) {
      Vector<T> sum{};
      for_each_vector<T>(groups.positions, [&](int64_t p, const auto& fresh) {
        sum += fresh(load<Vector<T>>(groups.values + j * groups.stride + p));
      });
      total += sum_of<T>(sum) * groups.kept[j];
    }
    scores[k] = total / static_cast<T>(groups.positions * groups.channels);
  }
}

template <class T>
T max_of_row(const T* values, int64_t positions) {
  Vector<T> largest = load<Vector<T>>(values);
  for_each_vector<T>(
      positions, [&](int64_t p, const auto&) { largest = larger<T>(load<Vector<T>>(values + p), largest); });
  return max_of<T>(largest);
}

// exp(value - shift) of one row, and their sum.
template <class T>
T exp_row(const T* values, int64_t positions, T shift, T* exps, Traffic& traffic) {
  Vector<T> sum{};
  Traffic moved = traffic;  // in registers
  for_each_vector<T>(positions, [&](int64_t p, const auto& fresh) {
    if (moved.next_step != 0) {
      __builtin_prefetch(moved.next, 0, 1);
      moved.next += moved.next_step;
    }
    if (moved.lines > 0) write_line(moved);
    const Vector<T> power = exp_of_negative(load<Vector<T>>(values + p) - shift);
    store(power, exps + p);
    sum += fresh(power);
  });
  traffic = moved;
  return sum_of<T>(sum);
}

// h of the group whose first row is `row`, from its exps.
template <class T>
T max_coverage_of(const Groups<T>& groups, const Workspace<T>& workspace, int64_t row,
                  WinnerOf<T>* winner_out) {
  const T* exps = workspace.exps + row * workspace.stride;
  const T* scales = workspace.scales + row;
  Vector<T> covered{};
  for_each_vector<T>(groups.positions, [&](int64_t p, const auto& fresh) {
    const T* column = exps + p;
    Vector<T> best = load<Vector<T>>(column) * scales[0];
    Ints<T> winner{};
    for (int64_t j = 1; j < groups.channels; ++j) {
      column += workspace.stride;
      const Vector<T> softmax = load<Vector<T>>(column) * scales[j];
      const Ints<T> wins = softmax > best;
      winner = wins ? same<T>(j) : winner;
      best = wins ? softmax : best;
    }
    store(winner, winner_out + p);
    covered += fresh(best);
  });
  return sum_of<T>(covered);
}

// Each loop over the rows does one thing, so that the processor overlaps one row's reduction with the next
// row's arithmetic.
template <class T>
void coverage(const Groups<T>& groups, const Workspace<T>& workspace, bool max_coverage, T* covered) {
  const int64_t rows = groups.count * groups.channels;
  for (int64_t j = 0; j < rows; ++j) {
    workspace.scales[j] = max_of_row(groups.values + j * groups.stride, groups.positions);
  }
  T ones = 0;
  for (int64_t j = 0; j < rows; ++j) {
    const T sum = exp_row(groups.values + j * groups.stride, groups.positions, workspace.scales[j],
                          workspace.exps + j * workspace.stride, *workspace.traffic);
    workspace.scales[j] = 1 / sum;
    ones += sum * workspace.scales[j];  // 1, or NaN
  }
  const T nan_or_0 = 0 * ones;
  for (int64_t k = 0; k < groups.count; ++k) {
    const T h = max_coverage ? max_coverage_of(groups, workspace, k * groups.channels,
                                               workspace.winner + k * workspace.stride)
                             : T(1);
    covered[k] = h + nan_or_0;
  }
}

// The softmax at the places that a channel won, summed.
template <class T>
T won_by(int64_t channel, const T* exps, const WinnerOf<T>* winner, int64_t positions) {
  Vector<T> sum{};
  for_each_vector<T>(positions, [&](int64_t p, const auto& fresh) {
    const Vector<T> power = fresh(load<Vector<T>>(exps + p));
    sum += load<Ints<T>>(winner + p) == same<T>(channel) ? power : Vector<T>{};
  });
  return sum_of<T>(sum);
}

// What each place of a channel's row gets: its exp times a factor, which depends on whether the channel won
// the place, plus a share of the score's gradient.
template <class T>
struct RowSlopes {
  T winning;
  T losing;
  T score;
};

template <class T>
void gradient_row(int64_t channel, const T* exps, const WinnerOf<T>* winner, const int16_t* score_winner,
                  const RowSlopes<T>& slopes, int64_t positions, T* gradient) {
  const Vector<T> winning = broadcast(slopes.winning);
  const Vector<T> losing = broadcast(slopes.losing);
  const Vector<T> score = broadcast(slopes.score);
  for_each_vector<T>(positions, [&](int64_t p, const auto&) {
    const Vector<T> factor = load<Ints<T>>(winner + p) == same<T>(channel) ? winning : losing;
    Vector<T> share = score;
    if (score_winner) share = load_winner<T>(score_winner + p) == same<T>(channel) ? score : Vector<T>{};
    store(load<Vector<T>>(exps + p) * factor + share, gradient + p);
  });
}

// The softmax s of a channel: dh/dvalue[p] = s[p] * (won[p] - sum of s over the places that it won).
template <class T>
void gradient(const Groups<T>& groups, const Workspace<T>& workspace, const Slopes<T>& slopes, T* gradient) {
  const auto for_each_row = [&](const auto& visit) {
    for (int64_t k = 0, row = 0; k < groups.count; ++k) {
      for (int64_t j = 0; j < groups.channels; ++j, ++row) visit(k, j, row);
    }
  };
  for_each_row([&](int64_t k, int64_t j, int64_t row) {
    const T* exps = workspace.exps + row * workspace.stride;
    const WinnerOf<T>* winner = workspace.winner + k * workspace.stride;
    workspace.won[row] =
        slopes.max_coverage ? workspace.scales[row] * won_by(j, exps, winner, groups.positions) : T(0);
  });
  for_each_row([&](int64_t k, int64_t j, int64_t row) {
    const T slope = slopes.max_coverage ? slopes.coverage[k] * workspace.scales[row] : T(0);
    const T won = workspace.won[row];
    gradient_row(j, workspace.exps + row * workspace.stride, workspace.winner + k * workspace.stride,
                 slopes.winner ? slopes.winner + k * workspace.stride : nullptr,
                 {slope * (1 - won), -slope * won, slopes.score[k] * groups.kept[row]}, groups.positions,
                 gradient + row * groups.stride);
  });
}

// Exchanges the blocks of kSize off the diagonal, then those within.
template <class T, int kSize>
inline void exchange_blocks(Vector<T>* rows) {
  constexpr int kWidth = Lanes<T>::kWidth;
  const auto lanes = lane_numbers<T>();
  const Ints<T> in_first = (lanes & same<T>(kSize)) == same<T>(0);
  const Ints<T> upper = in_first ? lanes : lanes - kSize + kWidth;
  const Ints<T> lower = in_first ? lanes + kSize : lanes + kWidth;
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) {
    if (i & kSize) continue;
    const Vector<T> a = rows[i];
    const Vector<T> b = rows[i + kSize];
    rows[i] = __builtin_shuffle(a, b, upper);
    rows[i + kSize] = __builtin_shuffle(a, b, lower);
  }
  if constexpr (kSize > 1) exchange_blocks<T, kSize / 2>(rows);
}

// Transposes a square of as many rows as a vector has lanes: `from` gives the place of each row, and `write`
// takes each of the result.
template <class T, class From, class Write>
inline void transpose_square(const From& from, const Write& write) {
  constexpr int kWidth = Lanes<T>::kWidth;
  Vector<T> square[kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) square[i] = load<Vector<T>>(from(i));
  exchange_blocks<T, kWidth / 2>(square);
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) write(i, square[i]);
}

// Calls visit(first) for each square along a side that is at least one square long; the last overlaps the one
// before it.
template <class T, class Visit>
inline void for_each_square(int64_t side, const Visit& visit) {
  constexpr int64_t kWidth = Lanes<T>::kWidth;
  for (int64_t first = 0; first < side; first += kWidth) {
    visit(first + kWidth <= side ? first : side - kWidth);
  }
}

template <class T>
void to_channels(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                 int64_t to_stride) {
  constexpr int64_t kWidth = Lanes<T>::kWidth;
  for (int64_t row = 0; row < rows; row += kWidth) {
    const auto row_at = [&](int64_t i) { return from + (row + i < rows ? row + i : rows - 1) * from_stride; };
    if (columns < kWidth) {
      for (int64_t i = 0; i < kWidth; ++i) {
        for (int64_t c = 0; c < columns; ++c) to[c * to_stride + row + i] = row_at(i)[c];
      }
      continue;
    }
    for_each_square<T>(columns, [&](int64_t c) {
      T* target = to + c * to_stride + row;
      transpose_square<T>([&](int64_t i) { return row_at(i) + c; },
                          [&](int64_t i, const Vector<T>& row) { store(row, target + i * to_stride); });
    });
  }
}

template <class T>
void to_positions(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                  int64_t to_stride) {
  constexpr int64_t kWidth = Lanes<T>::kWidth;
  if (rows < kWidth) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * from_stride + c];
    }
    return;
  }
  for_each_square<T>(rows, [&](int64_t r) {
    const T* source = from + r * from_stride;
    transpose_square<T>([&](int64_t i) { return source + i * from_stride; },
                        [&](int64_t i, const Vector<T>& row) {
                          if (i < columns) store(row, to + i * to_stride + r);
                        });
  });
}

// Squares whose rows are whole lines.
template <class T>
void stream_positions(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
                      int64_t to_stride) {
  for (int64_t r = 0; r < rows; r += Lanes<T>::kWidth) {
    const T* source = from + r * from_stride;
    transpose_square<T>([&](int64_t i) { return source + i * from_stride; },
                        [&](int64_t i, const Vector<T>& row) {
                          if (i < columns) stream_vector(row, to + i * to_stride + r);
                        });
  }
}

typedef uint32_t Bits __attribute__((vector_size(MCLOSS_VECTOR_BYTES)));
typedef uint16_t HalfBits __attribute__((vector_size(MCLOSS_VECTOR_BYTES / 2)));

inline Vector<float> as_float(const Bits& bits) {
  return __builtin_bit_cast(Vector<float>, bits);
}

inline Bits as_bits(const Vector<float>& value) {
  return __builtin_bit_cast(Bits, value);
}

struct BFloat16 {
  static Vector<float> widen(const HalfBits& value) {
    return as_float(__builtin_convertvector(value, Bits) << 16);
  }

  static HalfBits narrow(const Vector<float>& value) {
    const Bits bits = as_bits(value);
    const Bits rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    const Bits quiet_nan = (bits >> 16) | 0x0040;
    return __builtin_convertvector(value == value ? rounded : quiet_nan, HalfBits);
  }
};

#if defined(__AVX512F__)
struct Half {
  static Vector<float> widen(const HalfBits& value) {
    return __builtin_bit_cast(Vector<float>, _mm512_cvtph_ps(__builtin_bit_cast(__m256i, value)));
  }

  static HalfBits narrow(const Vector<float>& value) {
    const auto bits = _mm512_cvtps_ph(__builtin_bit_cast(__m512, value), _MM_FROUND_TO_NEAREST_INT);
    return __builtin_bit_cast(HalfBits, bits);
  }
};
#else
// Lets float32's own arithmetic scale and round.
struct Half {
  static Vector<float> widen(const HalfBits& value) {
    const Bits bits = __builtin_convertvector(value, Bits);
    const Bits magnitude = bits & 0x7FFF;
    const Vector<float> normal = as_float((magnitude << 13) + (0xE0U << 23)) * 0x1p-112F;
    const Vector<float> subnormal = as_float(magnitude | (126U << 23)) - 0.5F;
    const Bits sign = (bits & 0x8000) << 16;
    return as_float(as_bits(magnitude < 0x0400 ? subnormal : normal) | sign);
  }

  static HalfBits narrow(const Vector<float>& value) {
    const Bits bits = as_bits(value);
    const Bits magnitude = bits & 0x7FFFFFFF;
    // What is too large becomes infinite, and the rest keeps what a half holds, to the nearest.
    const Vector<float> scaled = as_float(magnitude) * 0x1p+112F * 0x1p-110F;
    const Bits exponent = (magnitude << 1) & 0xFF000000;
    const Bits step = (exponent > 0x71000000 ? exponent : Bits{} + 0x71000000) >> 1;
    const Bits sum = as_bits(as_float(step + 0x07800000) + scaled);
    const Bits number = ((sum >> 13) & 0x7C00) + (sum & 0x0FFF);
    const Bits sign = (bits >> 16) & 0x8000;
    return __builtin_convertvector((value == value ? number : Bits{} + 0x7E00) | sign, HalfBits);
  }
};
#endif

// Fewer than a vector's go through one of their own.
template <class Conversion>
void widen_row(const uint16_t* from, float* to, int64_t count) {
  constexpr int64_t kWidth = Lanes<float>::kWidth;
  if (count >= kWidth) {
    return for_each_square<float>(
        count, [&](int64_t i) { store(Conversion::widen(load<HalfBits>(from + i)), to + i); });
  }
  HalfBits few{};
  for (int64_t i = 0; i < count; ++i) few[i] = from[i];
  const Vector<float> wide = Conversion::widen(few);
  for (int64_t i = 0; i < count; ++i) to[i] = wide[i];
}

template <class Conversion>
void narrow_row(const float* from, uint16_t* to, int64_t count) {
  constexpr int64_t kWidth = Lanes<float>::kWidth;
  if (count >= kWidth) {
    return for_each_square<float>(
        count, [&](int64_t i) { store(Conversion::narrow(load<Vector<float>>(from + i)), to + i); });
  }
  Vector<float> few{};
  for (int64_t i = 0; i < count; ++i) few[i] = from[i];
  const HalfBits narrow = Conversion::narrow(few);
  for (int64_t i = 0; i < count; ++i) to[i] = narrow[i];
}

template <class Conversion>
HalfConversion conversion() {
  return {widen_row<Conversion>, narrow_row<Conversion>};
}

template <class T>
GroupKernel<T> kernel() {
  const bool widens = sizeof(T) == 4;
  return {Lanes<T>::kWidth,
          max_scores<T>,
          mean_scores<T>,
          coverage<T>,
          gradient<T>,
          finish,
          fence,
          to_channels<T>,
          to_positions<T>,
          MCLOSS_VECTOR_BYTES == kCacheLine ? stream_positions<T> : nullptr,
          widens ? conversion<BFloat16>() : HalfConversion{},
          widens ? conversion<Half>() : HalfConversion{}};
}

}  // namespace

template <>
GroupKernel<float> make_group_kernel() {
  return kernel<float>();
}

template <>
GroupKernel<double> make_group_kernel() {
  return kernel<double>();
}

}  // namespace mcloss::cpu::MCLOSS_ISA
