#pragma once

#include <c10/core/Device.h>

#include <utility>
#include <vector>

#include "block_cache.h"

namespace mcloss {

// What the process's allocators hold, device by device: the CPU, and each GPU that has been used.
std::vector<std::pair<c10::Device, AllocatorUsage>> allocator_usage();

// Gives memory that no tensor uses back to the system and to the GPUs.
void empty_allocator_caches();

}  // namespace mcloss
