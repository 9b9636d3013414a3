#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "group_kernel.h"

namespace mcloss::cpu {

// Uninitialised room for numbers that starts on a cache line, so that no vector straddles two.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size)
      : data_(static_cast<T*>(::operator new(size * sizeof(T), std::align_val_t{kCacheLine}))) {}

  T* data() const { return data_.get(); }

 private:
  struct Delete {
    void operator()(T* data) const { ::operator delete(data, std::align_val_t{kCacheLine}); }
  };
  std::unique_ptr<T, Delete> data_;
};

}  // namespace mcloss::cpu
