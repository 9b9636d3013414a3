// Batch normalisation's passes over the rows. Included once for each instruction set, by a file that defines
// MCLOSS_ISA (a namespace) and is compiled for those instructions, for which the compiler vectorises the
// loops over channels. Nothing of the standard library may be instantiated here: the linker could choose that
// copy for every processor.

namespace mcloss::cpu::MCLOSS_ISA {
namespace batch_norm {
namespace {

inline float load(const Brain16& from) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(from.bits) << 16U);
}
inline float load(const float& from) {
  return from;
}
inline double load(const double& from) {
  return from;
}

// To the nearest, of two as near the even one; as c10::BFloat16.
inline void store(float value, Brain16& to) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
  to.bits = static_cast<uint16_t>(value != value ? 0x7FC0U : rounded);
}
inline void store(float value, float& to) {
  to = value;
}
inline void store(double value, double& to) {
  to = value;
}

// Rows that are summed before the sums are touched.
constexpr int64_t kTogether = 4;

template <class S>
void statistics(const BatchNormRows<S>& rows, Computed<S>* __restrict mean, Computed<S>* __restrict squares) {
  using T = Computed<S>;
  const int64_t channels = rows.channels;
  // Sums of what differs from the first row, which is as near the mean as the values are to one another.
  const S* __restrict first = rows.input;
  for (int64_t c = 0; c < channels; ++c) mean[c] = squares[c] = 0;
  int64_t row = 0;
  for (; row + kTogether <= rows.count; row += kTogether) {
    const S* __restrict x = rows.input + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const T near = load(first[c]);
      const T a = load(x[c]) - near;
      const T b = load(x[c + channels]) - near;
      const T d = load(x[c + 2 * channels]) - near;
      const T e = load(x[c + 3 * channels]) - near;
      mean[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows.count; ++row) {
    const S* __restrict x = rows.input + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const T off = load(x[c]) - load(first[c]);
      mean[c] += off;
      squares[c] += off * off;
    }
  }
  const T share = T(1) / static_cast<T>(rows.count);
  for (int64_t c = 0; c < channels; ++c) {
    const T off = mean[c] * share;
    squares[c] -= mean[c] * off;
    mean[c] = load(first[c]) + off;
  }
}

// NaN stays NaN.
template <class T>
T clamped(T value, T low, T high) {
  const T raised = value < low ? low : value;
  return raised > high ? high : raised;
}

template <class S>
void normalize(const BatchNormRows<S>& rows, const Computed<S>* __restrict scale,
               const Computed<S>* __restrict shift) {
  const int64_t channels = rows.channels;
  const auto low = rows.low, high = rows.high;
  for (int64_t row = 0; row < rows.count; ++row) {
    const S* __restrict x = rows.input + row * channels;
    S* __restrict y = rows.output + row * channels;
    if (rows.other) {
      const S* __restrict other = rows.other + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        store(clamped(load(x[c]) * scale[c] + shift[c] + load(other[c]), low, high), y[c]);
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) {
        store(clamped(load(x[c]) * scale[c] + shift[c], low, high), y[c]);
      }
    }
  }
}

// The gradient of `value` before it was clamped.
template <class T>
T unclamped(T gradient, T value, T low, T high) {
  return value <= low || value >= high ? T(0) : gradient;
}

template <class S>
void sums(const BatchNormBackwardRows<S>& rows, const BatchNormFactors<Computed<S>>& factors,
          Computed<S>* __restrict sum, Computed<S>* __restrict product) {
  using T = Computed<S>;
  const int64_t channels = rows.channels;
  const T low = rows.low, high = rows.high;
  const T* __restrict mean = factors.mean;
  const T* __restrict scale = factors.scale;
  const T* __restrict shift = factors.shift;
  for (int64_t c = 0; c < channels; ++c) sum[c] = product[c] = 0;
  if (rows.output) {
    for (int64_t row = 0; row < rows.count; ++row) {
      const S* __restrict x = rows.input + row * channels;
      const S* __restrict y = rows.output + row * channels;
      const S* __restrict gradient = rows.gradient + row * channels;
      S* __restrict to = rows.unclamped + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        store(unclamped(load(gradient[c]), load(y[c]), low, high), to[c]);
      }
      for (int64_t c = 0; c < channels; ++c) {
        const T g = load(to[c]);
        sum[c] += g;
        product[c] += g * (load(x[c]) - mean[c]);
      }
    }
    return;
  }
  for (int64_t row = 0; row < rows.count; ++row) {
    const S* __restrict x = rows.input + row * channels;
    const S* __restrict gradient = rows.gradient + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const T value = load(x[c]);
      const T g = unclamped(load(gradient[c]), value * scale[c] + shift[c], low, high);
      sum[c] += g;
      product[c] += g * (value - mean[c]);
    }
  }
}

template <class S>
void differentiate(const BatchNormBackwardRows<S>& rows, const BatchNormFactors<Computed<S>>& factors,
                   const Computed<S>* __restrict slope, const Computed<S>* __restrict offset) {
  using T = Computed<S>;
  const int64_t channels = rows.channels;
  const T low = rows.low, high = rows.high;
  const T* __restrict mean = factors.mean;
  const T* __restrict scale = factors.scale;
  const T* __restrict shift = factors.shift;
  for (int64_t row = 0; row < rows.count; ++row) {
    const S* __restrict x = rows.input + row * channels;
    S* __restrict result = rows.result + row * channels;
    if (rows.unclamped) {
      const S* __restrict gradient = rows.unclamped + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        store(load(gradient[c]) * scale[c] + ((load(x[c]) - mean[c]) * slope[c] + offset[c]), result[c]);
      }
    } else {
      const S* __restrict gradient = rows.gradient + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const T value = load(x[c]);
        const T g = unclamped(load(gradient[c]), value * scale[c] + shift[c], low, high);
        store(g * scale[c] + ((value - mean[c]) * slope[c] + offset[c]), result[c]);
      }
    }
  }
}

}  // namespace
}  // namespace batch_norm

template <class S>
BatchNormKernel<S> make_batch_norm_kernel() {
  return {&batch_norm::statistics<S>, &batch_norm::normalize<S>, &batch_norm::sums<S>,
          &batch_norm::differentiate<S>};
}

template BatchNormKernel<Brain16> make_batch_norm_kernel();
template BatchNormKernel<float> make_batch_norm_kernel();
template BatchNormKernel<double> make_batch_norm_kernel();

}  // namespace mcloss::cpu::MCLOSS_ISA
