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

// Runs `body` once for each of `threads` threads of one block. Throws where threads wait for others that have
// ended.
void run_block(unsigned threads, void (*body)(void* context), void* context);

void wait_for_block();
void wait_for_warp();
// A place that the calling thread's warp shares, one for each lane.
uint64_t* warp_places();

}  // namespace emulated

extern emulated::Dim3 threadIdx;
extern emulated::Dim3 blockDim;

inline void __syncthreads() {
  emulated::wait_for_block();
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
