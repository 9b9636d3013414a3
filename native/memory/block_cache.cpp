#include "block_cache.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace mcloss {
namespace {

// Below, malloc does not give memory back to the system either.
constexpr size_t kSmallestBlock = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kCacheLine = 64;
// Kept for reuse in any case.
constexpr size_t kAlwaysKept = size_t{1} << 30;

thread_local bool keeps_blocks = true;

class BlockCache final : public c10::Allocator {
 public:
  explicit BlockCache(c10::Allocator* source) : source_(source) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmallestBlock) return source_->allocate(bytes);
    void* block = take(bytes);
    return {block, block, &give_back, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &give_back_any; }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  AllocatorUsage usage() {
    const std::lock_guard lock(mutex_);
    return {used_, used_ + static_cast<int64_t>(kept_), peak_};
  }

  void release_all() {
    const std::lock_guard lock(mutex_);
    while (!free_.empty()) release_oldest();
  }

  void note_step() {
    const std::lock_guard lock(mutex_);
    last_step_peak_ = std::exchange(step_peak_, used_);
    release_surplus();
  }

  void end_steps() {
    const std::lock_guard lock(mutex_);
    last_step_peak_ = 0;
    step_peak_ = used_;
    release_surplus();
  }

 private:
  struct FreeBlock {
    void* block;
    size_t bytes;
  };
  using FreeBlocks = std::list<FreeBlock>;

  void* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto same_size = by_size_.find(bytes);
      if (same_size != by_size_.end()) {
        const auto newest = same_size->second.back();
        same_size->second.pop_back();
        return take_out(newest, same_size);
      }
    }
    void* block = allocate_pages(bytes);
    const std::lock_guard lock(mutex_);
    sizes_[block] = bytes;
    count_used(bytes);
    return block;
  }

  // `same_size` is where the block has been listed.
  void* take_out(FreeBlocks::iterator entry, auto same_size) {
    const auto [block, bytes] = *entry;
    if (same_size->second.empty()) by_size_.erase(same_size);
    free_.erase(entry);
    kept_ -= bytes;
    count_used(bytes);
    return block;
  }

  void count_used(size_t bytes) {
    used_ += static_cast<int64_t>(bytes);
    peak_ = std::max(peak_, used_);
    step_peak_ = std::max(step_peak_, used_);
  }

  void* allocate_pages(size_t bytes) {
    const size_t alignment = bytes < kHugePage ? kCacheLine : kHugePage;
    void* block = nullptr;
    if (posix_memalign(&block, alignment, bytes) != 0) {
      release_all();
      const bool failed = posix_memalign(&block, alignment, bytes) != 0;
      TORCH_CHECK_WITH(OutOfMemoryError, !failed, "not enough memory for a tensor of ", bytes, " bytes");
    }
    if (bytes >= kHugePage) madvise(block, bytes, MADV_HUGEPAGE);  // advice only: it may fail
    return block;
  }

  // False where the block is not one of ours.
  bool keep(void* block) {
    const std::lock_guard lock(mutex_);
    const auto known = sizes_.find(block);
    if (known == sizes_.end()) return false;
    const size_t bytes = known->second;
    if (!keeps_blocks) {
      used_ -= static_cast<int64_t>(bytes);
      sizes_.erase(known);
      std::free(block);
      return true;
    }
    by_size_[bytes].push_back(free_.insert(free_.end(), {block, bytes}));
    kept_ += bytes;
    used_ -= static_cast<int64_t>(bytes);
    release_surplus();
    return true;
  }

  // What the last step had in use at once, the next one will want again.
  void release_surplus() {
    while (kept_ > kAlwaysKept && used_ + static_cast<int64_t>(kept_) > last_step_peak_) release_oldest();
  }

  void release_oldest() {
    const auto [block, bytes] = free_.front();
    const auto same_size = by_size_.find(bytes);
    same_size->second.pop_front();
    if (same_size->second.empty()) by_size_.erase(same_size);
    free_.pop_front();
    kept_ -= bytes;
    sizes_.erase(block);
    std::free(block);
  }

  static void give_back(void* block);
  static void give_back_any(void* block);

  c10::Allocator* source_;
  std::mutex mutex_;
  std::unordered_map<void*, size_t> sizes_;  // of every block from here, in use or not
  FreeBlocks free_;                          // oldest first
  std::unordered_map<size_t, std::deque<FreeBlocks::iterator>> by_size_;  // oldest first; none empty
  size_t kept_ = 0;                                                       // bytes in free_
  int64_t used_ = 0;                                                      // bytes of the other blocks
  int64_t peak_ = 0;                                                      // of used_
  int64_t step_peak_ = 0;                                                 // of used_ since the last step
  int64_t last_step_peak_ = 0;
};

// Never destroyed: tensors may outlive everything else.
BlockCache& the_cache() {
  static auto* cache = new BlockCache(c10::GetCPUAllocator());
  return *cache;
}

void BlockCache::give_back(void* block) {
  the_cache().keep(block);
}

void BlockCache::give_back_any(void* block) {
  if (!the_cache().keep(block)) the_cache().source_->raw_deallocate(block);
}

}  // namespace

void install_block_cache() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&the_cache()); });
}

AllocatorUsage block_cache_usage() {
  return the_cache().usage();
}

void note_training_step() {
  the_cache().note_step();
}

void end_training_steps() {
  the_cache().end_steps();
}

void empty_block_cache() {
  the_cache().release_all();
}

UnkeptBlocks::UnkeptBlocks() : outer_(std::exchange(keeps_blocks, false)) {}

UnkeptBlocks::~UnkeptBlocks() {
  keeps_blocks = outer_;
}

}  // namespace mcloss
