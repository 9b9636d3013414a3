// The little of libc10 that the CPU kernels take, for a platform whose LibTorch is not at hand.

#include <c10/core/CPUAllocator.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace c10 {
namespace {

constexpr size_t kAlignment = 64;

class StandInAllocator final : public Allocator {
 public:
  DataPtr allocate(size_t bytes) override {
    const size_t whole = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    void* data = std::aligned_alloc(kAlignment, whole);
    if (data == nullptr && whole > 0) throw std::bad_alloc();
    return {data, data, &std::free, DeviceType::CPU};
  }

  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

}  // namespace

namespace detail {

void deleteNothing(void*) {}

}  // namespace detail

bool Allocator::is_simple_data_ptr(const DataPtr& data) const {
  return data.get() == data.get_context();
}

Allocator* GetCPUAllocator() {
  static StandInAllocator allocator;
  return &allocator;
}

}  // namespace c10
