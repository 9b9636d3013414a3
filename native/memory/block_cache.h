#pragma once

#include <cstdint>

namespace mcloss {

// Bytes of an allocator's blocks.
struct AllocatorUsage {
  int64_t allocated = 0;  // in use
  int64_t reserved = 0;   // in use, or kept for reuse
  int64_t peak = 0;       // the most that were in use at once
};

// Lets LibTorch's CPU tensors reuse large blocks of memory, in huge pages where the system has them. By
// default each block goes back to the system when it is freed, and the next one's small pages are cleared one
// fault at a time, which at the size of a batch of features costs more than the loss itself. A training step
// asks for the same sizes as the step before, so free blocks are kept by their exact size, the oldest
// going first: 1 GiB in all, and while there is training as much as together with what is in use makes the
// last step's peak. Does its work once per process.
void install_block_cache();

// Of the blocks of 64 KiB and more; smaller ones are malloc's.
AllocatorUsage block_cache_usage();

// Tells that a training step has ended, and that no further one is to be expected.
void note_training_step();
void end_training_steps();

// Gives every free block back to the system.
void empty_block_cache();

// What this thread frees meanwhile goes back to the system: for work that is done once, whose sizes nothing
// will ask for again.
class UnkeptBlocks {
 public:
  UnkeptBlocks();
  ~UnkeptBlocks();
  UnkeptBlocks(const UnkeptBlocks&) = delete;
  UnkeptBlocks& operator=(const UnkeptBlocks&) = delete;

 private:
  bool outer_;
};

}  // namespace mcloss
