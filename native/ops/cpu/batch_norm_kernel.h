#pragma once

#include <cstdint>
#include <type_traits>

namespace mcloss::cpu {

// The bits of a bfloat16.
struct Brain16 {
  uint16_t bits;
};

// What is computed in: float32 for bfloat16.
template <class S>
using Computed = std::conditional_t<sizeof(S) == 8, double, float>;

// Rows of channels that lie side by side: images in channels_last, a row for each place, or for a few places
// with their channels one after another.
template <class S>
struct BatchNormRows {
  int64_t count, channels;
  const S* input;
  const S* other;  // added before the clamp, or null
  S* output;
  Computed<S> low, high;
};

// The way back. What has been clamped has no gradient: it is found in the output, or made again of the input
// where there is none.
template <class S>
struct BatchNormBackwardRows {
  int64_t count, channels;
  const S* input;
  const S* output;    // or null
  const S* gradient;  // of the output
  S* unclamped;       // the gradient of what has been clamped; null where `output` is
  S* result;          // the gradient of the input
  Computed<S> low, high;
};

// What a channel's values are made of: each [channels].
template <class T>
struct BatchNormFactors {
  const T *mean, *scale, *shift;  // output = input * scale + shift
};

template <class S>
struct BatchNormKernel {
  using T = Computed<S>;

  // The channels' means, and sums of squares of what differs from them.
  void (*statistics)(const BatchNormRows<S>&, T* mean, T* squares);
  void (*normalize)(const BatchNormRows<S>&, const T* scale, const T* shift);
  // Sums over the rows of the unclamped gradient, and of its products with the input less its mean.
  void (*sums)(const BatchNormBackwardRows<S>&, const BatchNormFactors<T>&, T* sum, T* product);
  // result = gradient * scale + (input - mean) * slope + offset
  void (*differentiate)(const BatchNormBackwardRows<S>&, const BatchNormFactors<T>&, const T* slope,
                        const T* offset);
};

namespace baseline {
template <class S>
BatchNormKernel<S> make_batch_norm_kernel();
}
#if defined(__x86_64__)
namespace avx2 {
template <class S>
BatchNormKernel<S> make_batch_norm_kernel();
}
namespace avx512 {
template <class S>
BatchNormKernel<S> make_batch_norm_kernel();
}
#endif

// The one for this processor.
template <class S>
const BatchNormKernel<S>& batch_norm_kernel();
template <>
const BatchNormKernel<Brain16>& batch_norm_kernel();
template <>
const BatchNormKernel<float>& batch_norm_kernel();
template <>
const BatchNormKernel<double>& batch_norm_kernel();

}  // namespace mcloss::cpu
