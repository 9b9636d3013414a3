#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mcloss::data {

// Of a decoded image; a larger one is for a decoder that works in rows.
inline constexpr size_t kMostPixelBytes = size_t{256} << 20;

// Memory of one of the pool's threads. They live on: it is used again for the next image, unless it is much.
class Scratch {
 public:
  uint8_t* take(size_t bytes) {
    if (memory_.size() < bytes) memory_.resize(bytes);
    return memory_.data();
  }
  void trim() {
    if (memory_.size() > kKeptBytes) std::vector<uint8_t>().swap(memory_);
  }

 private:
  static constexpr size_t kKeptBytes = size_t{16} << 20;

  std::vector<uint8_t> memory_;
};

}  // namespace mcloss::data
