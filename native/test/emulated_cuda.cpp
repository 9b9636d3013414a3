#include "emulated_cuda.h"

#include <sanitizer/asan_interface.h>
#include <ucontext.h>

#include <memory>
#include <stdexcept>
#include <vector>

emulated::Dim3 threadIdx;
emulated::Dim3 blockIdx;
emulated::Dim3 blockDim;
emulated::Dim3 gridDim;

namespace emulated {
namespace {

constexpr unsigned kWarp = 32;
constexpr size_t kStackBytes = size_t{128} << 10;

enum class State { kReady, kAtWarp, kAtBlock, kEnded };

struct Thread {
  ucontext_t context;
  State state = State::kReady;
};

struct Block {
  std::vector<Thread> threads;
  std::vector<uint64_t> places;
};

struct Grid {
  std::vector<Block> blocks;
  ucontext_t scheduler;
  Block* running_block = nullptr;
  unsigned running = 0;
  void (*body)(void*);
  void* context;
};

Grid* the_grid = nullptr;
Traffic the_traffic;

Thread& running_thread() {
  return the_grid->running_block->threads[the_grid->running];
}

// Kept from grid to grid: fresh memory is slow. What frames left marked in it is not the next thread's.
char* stack_of(unsigned thread) {
  static std::vector<std::unique_ptr<char[]>> stacks;
  while (stacks.size() <= thread) stacks.push_back(std::make_unique_for_overwrite<char[]>(kStackBytes));
  ASAN_UNPOISON_MEMORY_REGION(stacks[thread].get(), kStackBytes);
  return stacks[thread].get();
}

void run_thread() {
  Grid& grid = *the_grid;
  grid.body(grid.context);
  running_thread().state = State::kEnded;
  swapcontext(&running_thread().context, &grid.scheduler);
}

void wait(State state) {
  Thread& thread = running_thread();
  thread.state = state;
  swapcontext(&thread.context, &the_grid->scheduler);
}

// Lets the threads of [begin, end) go on if all of them wait in `state`.
bool release(Block& block, unsigned begin, unsigned end, State state) {
  for (unsigned i = begin; i < end; ++i) {
    if (block.threads[i].state != state) return false;
  }
  for (unsigned i = begin; i < end; ++i) block.threads[i].state = State::kReady;
  return true;
}

void resume(Grid& grid, unsigned block, unsigned thread) {
  grid.running_block = &grid.blocks[block];
  grid.running = thread;
  threadIdx.x = thread;
  blockIdx.x = block;
  swapcontext(&grid.scheduler, &running_thread().context);
}

void start(Grid& grid, unsigned blocks, unsigned threads) {
  grid.blocks.resize(blocks);
  for (unsigned b = 0; b < blocks; ++b) {
    grid.blocks[b].threads.resize(threads);
    grid.blocks[b].places.resize(threads);
    for (unsigned i = 0; i < threads; ++i) {
      auto& context = grid.blocks[b].threads[i].context;
      getcontext(&context);
      context.uc_stack.ss_sp = stack_of(b * threads + i);
      context.uc_stack.ss_size = kStackBytes;
      makecontext(&context, run_thread, 0);
    }
  }
}

// Lets each thread of a block go on once.
bool advance(Grid& grid, unsigned index) {
  Block& block = grid.blocks[index];
  const auto threads = static_cast<unsigned>(block.threads.size());
  bool moved = false;
  for (unsigned i = 0; i < threads; ++i) {
    if (block.threads[i].state != State::kReady) continue;
    resume(grid, index, i);
    moved = true;
  }
  for (unsigned i = 0; i < threads; i += kWarp) {
    moved = release(block, i, i + kWarp, State::kAtWarp) || moved;
  }
  return release(block, 0, threads, State::kAtBlock) || moved;
}

}  // namespace

void wait_for_block() {
  wait(State::kAtBlock);
}

void wait_for_warp() {
  wait(State::kAtWarp);
}

void let_others_run() {
  wait(State::kReady);
}

uint64_t* warp_places() {
  return &the_grid->running_block->places[the_grid->running / kWarp * kWarp];
}

Traffic& traffic() {
  return the_traffic;
}

void run_grid(unsigned blocks, unsigned threads, void (*body)(void* context), void* context) {
  Grid grid;
  grid.body = body;
  grid.context = context;
  the_grid = &grid;
  blockDim.x = threads;
  gridDim.x = blocks;
  start(grid, blocks, threads);
  for (bool moved = true; moved;) {
    moved = false;
    for (unsigned b = 0; b < blocks; ++b) moved = advance(grid, b) || moved;
  }
  the_grid = nullptr;
  for (const auto& block : grid.blocks) {
    for (const auto& thread : block.threads) {
      if (thread.state != State::kEnded) throw std::logic_error("threads wait for others that have ended");
    }
  }
}

}  // namespace emulated
