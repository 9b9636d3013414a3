#include "emulated_cuda.h"

#include <sanitizer/asan_interface.h>
#include <ucontext.h>

#include <memory>
#include <stdexcept>
#include <vector>

emulated::Dim3 threadIdx;
emulated::Dim3 blockDim;

namespace emulated {
namespace {

constexpr unsigned kWarp = 32;
constexpr size_t kStackBytes = size_t{256} << 10;

enum class State { kReady, kAtWarp, kAtBlock, kEnded };

struct Thread {
  ucontext_t context;
  State state = State::kReady;
};

struct Block {
  std::vector<Thread> threads;
  std::vector<uint64_t> places;
  ucontext_t scheduler;
  unsigned running = 0;
  void (*body)(void*);
  void* context;
};

Block* the_block = nullptr;

// Kept from block to block: fresh memory is slow. What frames left marked in it is not the next thread's.
char* stack_of(unsigned thread) {
  static std::vector<std::unique_ptr<char[]>> stacks;
  while (stacks.size() <= thread) stacks.push_back(std::make_unique_for_overwrite<char[]>(kStackBytes));
  ASAN_UNPOISON_MEMORY_REGION(stacks[thread].get(), kStackBytes);
  return stacks[thread].get();
}

void run_thread() {
  Block& block = *the_block;
  block.body(block.context);
  block.threads[block.running].state = State::kEnded;
  swapcontext(&block.threads[block.running].context, &block.scheduler);
}

void wait(State state) {
  Thread& thread = the_block->threads[the_block->running];
  thread.state = state;
  swapcontext(&thread.context, &the_block->scheduler);
}

// Lets the threads of [begin, end) go on if all of them wait in `state`.
bool release(Block& block, unsigned begin, unsigned end, State state) {
  for (unsigned i = begin; i < end; ++i) {
    if (block.threads[i].state != state) return false;
  }
  for (unsigned i = begin; i < end; ++i) block.threads[i].state = State::kReady;
  return true;
}

void resume(Block& block, unsigned index) {
  block.running = index;
  threadIdx.x = index;
  swapcontext(&block.scheduler, &block.threads[index].context);
}

}  // namespace

void wait_for_block() {
  wait(State::kAtBlock);
}

void wait_for_warp() {
  wait(State::kAtWarp);
}

uint64_t* warp_places() {
  return &the_block->places[the_block->running / kWarp * kWarp];
}

void run_block(unsigned threads, void (*body)(void* context), void* context) {
  Block block;
  block.threads.resize(threads);
  block.places.resize(threads);
  block.body = body;
  block.context = context;
  the_block = &block;
  blockDim.x = threads;
  for (unsigned i = 0; i < threads; ++i) {
    auto& context = block.threads[i].context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_of(i);
    context.uc_stack.ss_size = kStackBytes;
    makecontext(&context, run_thread, 0);
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (unsigned i = 0; i < threads; ++i) {
      if (block.threads[i].state != State::kReady) continue;
      resume(block, i);
      moved = true;
    }
    for (unsigned i = 0; i < threads; i += kWarp) {
      moved = release(block, i, i + kWarp, State::kAtWarp) || moved;
    }
    moved = release(block, 0, threads, State::kAtBlock) || moved;
  }
  the_block = nullptr;
  for (const auto& thread : block.threads) {
    if (thread.state != State::kEnded) throw std::logic_error("threads wait for others that have ended");
  }
}

}  // namespace emulated
