#pragma once

// What the kernels' bodies need of CUDA, so that tests can run them on the CPU: there MCLOSS_EMULATED is
// defined and native/test/emulated_cuda.h stands in for the device.

#if defined(MCLOSS_EMULATED)
#include "../../test/emulated_cuda.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define MCLOSS_DEVICE __device__ __forceinline__
#endif

#include <cstdint>

namespace mcloss::cuda {

constexpr int kWarp = 32;

MCLOSS_DEVICE int lane() {
  return static_cast<int>(threadIdx.x) % kWarp;
}
MCLOSS_DEVICE int warp() {
  return static_cast<int>(threadIdx.x) / kWarp;
}
MCLOSS_DEVICE int warps() {
  return static_cast<int>(blockDim.x) / kWarp;
}

MCLOSS_DEVICE float exp_of(float x) {
  return expf(x);
}
MCLOSS_DEVICE double exp_of(double x) {
  return exp(x);
}
MCLOSS_DEVICE float log_of(float x) {
  return logf(x);
}
MCLOSS_DEVICE double log_of(double x) {
  return log(x);
}

struct Sum {
  template <class T>
  MCLOSS_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};

struct Max {
  template <class T>
  MCLOSS_DEVICE T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// The same result in every lane, and the same from run to run.
template <class T, class Combine>
MCLOSS_DEVICE T reduce_warp(T value, Combine combine) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffU, value, distance));
  }
  return value;
}

// The same result in every thread. `room` holds a T for each warp, and nothing that is still needed.
template <class T, class Combine>
MCLOSS_DEVICE T reduce_block(T value, Combine combine, T* room) {
  value = reduce_warp(value, combine);
  __syncthreads();
  if (lane() == 0) room[warp()] = value;
  __syncthreads();
  T result = room[0];
  for (int i = 1; i < warps(); ++i) result = combine(result, room[i]);
  return result;
}

// As many elements as one thread reads or writes at once.
template <class S>
struct alignas(16) Pack {
  static constexpr int kSize = 16 / sizeof(S);
  S values[kSize];
};

// Elements by which an address is past a pack's.
template <class S>
MCLOSS_DEVICE int past_pack(const S* address) {
  return static_cast<int>(reinterpret_cast<uintptr_t>(address) % sizeof(Pack<S>) / sizeof(S));
}

// Features and gradients; the emulated device counts what is moved.
template <class V>
MCLOSS_DEVICE V read_features(const V* from) {
#if defined(MCLOSS_EMULATED)
  emulated::count_read(sizeof(V));
#endif
  return *from;
}
template <class V>
MCLOSS_DEVICE void write_gradient(V* to, const V& value) {
#if defined(MCLOSS_EMULATED)
  emulated::count_written(sizeof(V));
#endif
  *to = value;
}

// What another block has written, past this multiprocessor's own cache.
template <class T>
MCLOSS_DEVICE T read_fresh(const T* from) {
#if defined(MCLOSS_EMULATED)
  return *from;
#else
  return __ldcg(from);
#endif
}

// Calls visit(outer, inner) for all pairs, neighbours in `inner` by neighbouring threads, without dividing
// for each.
template <class Visit>
MCLOSS_DEVICE void for_each_pair(int outers, int inners, const Visit& visit) {
  const int threads = static_cast<int>(blockDim.x);
  const int outer_step = threads / inners;
  const int inner_step = threads - outer_step * inners;
  int outer = static_cast<int>(threadIdx.x) / inners;
  int inner = static_cast<int>(threadIdx.x) - outer * inners;
  while (outer < outers) {
    visit(outer, inner);
    outer += outer_step;
    inner += inner_step;
    if (inner >= inners) {
      inner -= inners;
      ++outer;
    }
  }
}

template <class T, class S>
MCLOSS_DEVICE T widen(S value) {
  return static_cast<T>(value);
}
template <class S, class T>
struct Narrow {
  static MCLOSS_DEVICE S of(T value) { return static_cast<S>(value); }
};

#if !defined(MCLOSS_EMULATED)
template <>
MCLOSS_DEVICE float widen<float>(__nv_bfloat16 value) {
  return __bfloat162float(value);
}
template <>
MCLOSS_DEVICE float widen<float>(__half value) {
  return __half2float(value);
}
template <>
struct Narrow<__nv_bfloat16, float> {
  static MCLOSS_DEVICE __nv_bfloat16 of(float value) { return __float2bfloat16(value); }
};
template <>
struct Narrow<__half, float> {
  static MCLOSS_DEVICE __half of(float value) { return __float2half(value); }
};
#endif

}  // namespace mcloss::cuda
