#pragma once

#include "device.h"
#include "fused_arguments.h"

namespace mcloss::cuda {

// How far a launch is. Blocks tell one another through memory: what was written before is there for those who
// have seen the counter.
class Progress {
 public:
  MCLOSS_DEVICE Progress(const FusedArguments& a, unsigned* room) : a_(a), room_(room) {}

  // The next tile of all samples, in order, or one beyond the last. The same in every thread.
  MCLOSS_DEVICE int take_ticket() {
    return static_cast<int>(share([&] { return atomicAdd(&a_.counters[0], 1U); }));
  }

  // Tells that the block has written a tile's scores. True in every thread of the block that is a sample's
  // last.
  MCLOSS_DEVICE bool arrive(int sample) {
    return announce(&a_.counters[2 + sample]) + 1 == static_cast<unsigned>(a_.tiles);
  }

  // Tells that the block has no tile left. True in every thread of the last block.
  MCLOSS_DEVICE bool finish() { return announce(&a_.counters[1]) + 1 == gridDim.x; }

  // Tells that the sample's log-sum-exp is written.
  MCLOSS_DEVICE void set_ready(int sample) {
    if (threadIdx.x != 0) return;
    __threadfence();
    atomicExch(ready(sample), 1U);
  }

  // Waits for set_ready() in another block, which must run at the same time.
  MCLOSS_DEVICE void wait_until_ready(int sample) {
    if (threadIdx.x == 0) {
      while (*static_cast<volatile unsigned*>(ready(sample)) == 0) __nanosleep(100);
      __threadfence();
    }
    __syncthreads();
  }

 private:
  MCLOSS_DEVICE unsigned* ready(int sample) const { return &a_.counters[2 + a_.samples + sample]; }

  MCLOSS_DEVICE unsigned announce(unsigned* counter) {
    const unsigned before = share([&] {
      __threadfence();
      const unsigned count = atomicAdd(counter, 1U);
      __threadfence();
      return count;
    });
    return before;
  }

  // What the first thread gets, after all have come here.
  template <class Get>
  MCLOSS_DEVICE unsigned share(const Get& get) {
    __syncthreads();
    if (threadIdx.x == 0) *room_ = get();
    __syncthreads();
    return *room_;
  }

  const FusedArguments& a_;
  unsigned* room_;
};

}  // namespace mcloss::cuda
