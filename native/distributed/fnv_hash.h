#pragma once

#include <cstdint>
#include <string_view>

namespace mcloss::distributed {

// FNV-1a: the same on every machine.
inline int64_t fnv_hash(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return static_cast<int64_t>(hash);
}

}  // namespace mcloss::distributed
