#include "allocators.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>

namespace mcloss {
namespace {

// LibTorch's GPU allocator, or null where there is no GPU or it has not been used. Reached through c10's
// interface, which a LibTorch without CUDA has too.
c10::DeviceAllocator* gpu_allocator() {
  const auto type = at::accelerator::getAccelerator();
  if (!type) return nullptr;
  auto* allocator = c10::getDeviceAllocator(*type);
  return allocator->initialized() ? allocator : nullptr;
}

AllocatorUsage gpu_usage(c10::DeviceAllocator& allocator, c10::DeviceIndex index) {
  const auto stats = allocator.getDeviceStats(index);
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto& allocated = stats.allocated_bytes.at(kAll);
  return {allocated.current, stats.reserved_bytes.at(kAll).current, allocated.peak};
}

}  // namespace

std::vector<std::pair<c10::Device, AllocatorUsage>> allocator_usage() {
  std::vector<std::pair<c10::Device, AllocatorUsage>> usage{{c10::kCPU, block_cache_usage()}};
  if (auto* allocator = gpu_allocator()) {
    const auto type = *at::accelerator::getAccelerator();
    for (c10::DeviceIndex index = 0; index < at::accelerator::deviceCount(); ++index) {
      usage.emplace_back(c10::Device(type, index), gpu_usage(*allocator, index));
    }
  }
  return usage;
}

void empty_allocator_caches() {
  empty_block_cache();
  if (auto* allocator = gpu_allocator()) allocator->emptyCache();
}

}  // namespace mcloss
