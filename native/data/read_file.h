#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mcloss::data {

struct FileBytes {
  std::unique_ptr<uint8_t[]> bytes;
  size_t size = 0;
};

// All of a regular file. Without bytes where it is something else, has more than `most`, or cannot be read:
// who asks finds out why.
FileBytes read_file(const std::string& path, size_t most);

}  // namespace mcloss::data
