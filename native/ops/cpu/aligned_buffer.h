#pragma once

#include <c10/core/CPUAllocator.h>

#include <cstddef>
#include <utility>

namespace mcloss::cpu {

// Uninitialised room for numbers that starts on a cache line, so that no vector straddles two. From
// LibTorch's allocator, which may keep large blocks for reuse.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) : data_(c10::GetCPUAllocator()->allocate(size * sizeof(T))) {}

  T* data() const { return static_cast<T*>(data_.get()); }

 private:
  c10::DataPtr data_;
};

}  // namespace mcloss::cpu
