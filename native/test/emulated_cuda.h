#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// Stands in for the CUDA device in tests of the kernels' bodies: every thread of a block is a fiber, which
// runs until it meets the others at a barrier or a shuffle.

#define MCLOSS_DEVICE inline

namespace emulated {

struct Dim3 {
  unsigned x = 1;
  unsigned y = 1;
};

// Runs `body` once for each of `threads` threads of each of `blocks` blocks, all at the same time. Throws
// where threads wait for others that have ended.
void run_grid(unsigned blocks, unsigned threads, void (*body)(void* context), void* context);

void wait_for_block();
void wait_for_warp();
void let_others_run();
// A place that the calling thread's warp shares, one for each lane.
uint64_t* warp_places();

// Bytes of features read and of gradients written since the last reset, and in how many pieces.
struct Traffic {
  int64_t read = 0;
  int64_t written = 0;
  int64_t reads = 0;
  int64_t writes = 0;
};
Traffic& traffic();

inline void count_read(size_t bytes) {
  traffic().read += static_cast<int64_t>(bytes);
  ++traffic().reads;
}
inline void count_written(size_t bytes) {
  traffic().written += static_cast<int64_t>(bytes);
  ++traffic().writes;
}

}  // namespace emulated

extern emulated::Dim3 threadIdx;
extern emulated::Dim3 blockIdx;
extern emulated::Dim3 blockDim;
extern emulated::Dim3 gridDim;

inline void __syncthreads() {
  emulated::wait_for_block();
}

inline void __threadfence() {}

inline void __nanosleep(unsigned /*nanoseconds*/) {
  emulated::let_others_run();
}

inline unsigned atomicAdd(unsigned* address, unsigned value) {
  const unsigned before = *address;
  *address += value;
  return before;
}

inline unsigned atomicExch(unsigned* address, unsigned value) {
  const unsigned before = *address;
  *address = value;
  return before;
}

template <class T>
inline T __shfl_xor_sync(unsigned /*mask*/, T value, int distance) {
  const unsigned lane = threadIdx.x % 32;
  uint64_t* places = emulated::warp_places();
  std::memcpy(&places[lane], &value, sizeof(T));
  emulated::wait_for_warp();
  T other;
  std::memcpy(&other, &places[lane ^ static_cast<unsigned>(distance)], sizeof(T));
  emulated::wait_for_warp();
  return other;
}
