#include "block_cache.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <mutex>
#include <unordered_map>

namespace mcloss {
namespace {

constexpr size_t kSmallestBlock = size_t{1} << 20;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kMostKept = size_t{1} << 30;

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

 private:
  struct FreeBlock {
    void* block;
    size_t bytes;
  };

  void* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto fits = [bytes](const FreeBlock& candidate) { return candidate.bytes == bytes; };
      const auto newest = std::find_if(free_.rbegin(), free_.rend(), fits);
      if (newest != free_.rend()) {
        void* block = newest->block;
        free_.erase(std::next(newest).base());
        kept_ -= bytes;
        count_used(bytes);
        return block;
      }
    }
    void* block = allocate_pages(bytes);
    const std::lock_guard lock(mutex_);
    sizes_[block] = bytes;
    count_used(bytes);
    return block;
  }

  void count_used(size_t bytes) {
    used_ += static_cast<int64_t>(bytes);
    peak_ = std::max(peak_, used_);
  }

  void* allocate_pages(size_t bytes) {
    void* block = nullptr;
    if (posix_memalign(&block, kHugePage, bytes) != 0) {
      release_all();
      const bool failed = posix_memalign(&block, kHugePage, bytes) != 0;
      TORCH_CHECK_WITH(OutOfMemoryError, !failed, "not enough memory for a tensor of ", bytes, " bytes");
    }
    madvise(block, bytes, MADV_HUGEPAGE);  // advice only: it may fail
    return block;
  }

  // False where the block is not one of ours.
  bool keep(void* block) {
    const std::lock_guard lock(mutex_);
    const auto known = sizes_.find(block);
    if (known == sizes_.end()) return false;
    free_.push_back({block, known->second});
    kept_ += known->second;
    used_ -= static_cast<int64_t>(known->second);
    while (kept_ > kMostKept) release_oldest();
    return true;
  }

  void release_oldest() {
    const auto oldest = free_.front();
    free_.pop_front();
    kept_ -= oldest.bytes;
    sizes_.erase(oldest.block);
    std::free(oldest.block);
  }

  static void give_back(void* block);
  static void give_back_any(void* block);

  c10::Allocator* source_;
  std::mutex mutex_;
  std::unordered_map<void*, size_t> sizes_;  // of every block from here, in use or not
  std::deque<FreeBlock> free_;               // oldest first
  size_t kept_ = 0;                          // bytes in free_
  int64_t used_ = 0;                         // bytes of the other blocks
  int64_t peak_ = 0;                         // of used_
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

void empty_block_cache() {
  the_cache().release_all();
}

}  // namespace mcloss
