#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fused_arguments.h"

namespace mcloss::cuda {

enum class Type { kFloat, kDouble, kBFloat16, kHalf };

// Decides how samples are cut into tiles on the current device; the table and the shape must be set. False
// where a class has more channels than the kernels can take.
bool plan_fused(FusedArguments& arguments, Type type);

// The kernels on a stream. None waits for the device or allocates; each returns the launch's error.

// The loss of all samples, of arguments as plan_fused() left them. In one launch that reads each feature once
// where enough blocks run at the same time; else in chunks whose features stay in the second-level cache
// between the kernel that scores them and the kernel that reads them again.
cudaError_t launch_fused(const FusedArguments& arguments, Type type, cudaStream_t stream);

// Multiplies `count` elements, float or (if `is_double`) double, by *scale unless that is 1.
cudaError_t launch_scale(void* values, int64_t count, bool is_double, const void* scale, cudaStream_t stream);

// Where a generator stands; under graph capture in device memory, as the graph moves it on at each replay.
struct PhiloxPosition {
  uint64_t seed;
  uint64_t offset;
  const int64_t* captured_seed;    // null unless captured
  const int64_t* captured_offset;  // `offset` is added to it
};

struct KeepTable {
  int keep[ChannelTable::kMostBlocks];
};

// A subset of each group's channels, for each row: uint8 [rows, channels].
cudaError_t launch_draw_mask(uint8_t* mask, const ChannelTable& table, const KeepTable& keep, int classes,
                             int channels, int rows, const PhiloxPosition& position, cudaStream_t stream);

}  // namespace mcloss::cuda
