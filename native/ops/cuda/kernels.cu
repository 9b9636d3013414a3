#include <algorithm>

#include "fused_body.h"
#include "kernels.h"
#include "philox.h"
#include "scale_body.h"
#include "tiling.h"

namespace mcloss::cuda {
namespace {

constexpr int kThreads = 256;
extern __shared__ __align__(16) unsigned char shared_memory[];

template <class S, class T>
__global__ void __launch_bounds__(kThreads) fused_kernel(const __grid_constant__ FusedArguments a) {
  __shared__ unsigned room;
  run_fused<S, T>(a, shared_memory, &room);
}

template <class S, class T, bool kStaged>
__global__ void __launch_bounds__(kThreads)
    score_kernel(const __grid_constant__ FusedArguments a, int first_sample) {
  __shared__ unsigned room;
  run_scores<S, T, kStaged>(a, blockIdx.x, first_sample + blockIdx.y, shared_memory, &room);
}

template <class S, class T, bool kStaged>
__global__ void __launch_bounds__(kThreads)
    coverage_kernel(const __grid_constant__ FusedArguments a, int first_sample) {
  run_coverage<S, T, kStaged>(a, blockIdx.x, first_sample + blockIdx.y, shared_memory);
}

template <class T>
__global__ void __launch_bounds__(kThreads) loss_kernel(const __grid_constant__ FusedArguments a) {
  write_losses<T>(a, reinterpret_cast<T*>(shared_memory));
}

template <class T>
__global__ void __launch_bounds__(kThreads) scale_kernel(T* values, int64_t count, const T* scale) {
  scale_values(values, count, *scale);
}

__global__ void mask_kernel(uint8_t* mask, const __grid_constant__ ChannelTable table,
                            const __grid_constant__ KeepTable keep, int classes, int channels, int rows,
                            PhiloxPosition position) {
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned row = index / static_cast<unsigned>(classes);
  if (row >= static_cast<unsigned>(rows)) return;
  const uint64_t seed = position.captured_seed ? *position.captured_seed : position.seed;
  const uint64_t offset = position.offset + (position.captured_offset ? *position.captured_offset : 0);
  const int k = static_cast<int>(index - row * static_cast<unsigned>(classes));
  int block = 0;
  while (block + 1 < table.blocks && table.first_class[block + 1] <= k) ++block;
  const int first = table.first_channel[block] + (k - table.first_class[block]) * table.channels[block];
  draw_subset(seed, index, offset / 4, table.channels[block], keep.keep[block],
              mask + static_cast<int64_t>(row) * channels + first);
}

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0;
  int value = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&value, attribute, device);
  return value;
}

GpuLimits limits_of_device() {
  return {device_attribute(cudaDevAttrMultiProcessorCount),
          device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor),
          device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)};
}

// Lets a kernel have all the shared memory that there is, which above 48 KiB it has to ask for; always the
// same number, so that two launches at once do not take it from one another.
template <class Kernel>
cudaError_t allow_shared_memory(Kernel* kernel) {
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
}

// Blocks that run at the same time on an otherwise idle device.
template <class Kernel>
int64_t count_resident(Kernel* kernel, int64_t shared) {
  int each = 0;
  cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, kernel, kThreads, static_cast<size_t>(shared));
  return int64_t{each} * device_attribute(cudaDevAttrMultiProcessorCount);
}

// In one launch; false where a gradient needs more blocks at the same time than there can be.
template <class S, class T>
bool launch_at_once(const FusedArguments& a, int64_t shared, cudaStream_t stream, cudaError_t& error) {
  const auto kernel = fused_kernel<S, T>;
  error = allow_shared_memory(kernel);
  if (error != cudaSuccess) return true;
  const int64_t resident = count_resident(kernel, shared);
  const dim3 grid(static_cast<unsigned>(std::min(resident, int64_t{a.samples} * a.tiles)));
  if (!a.gradient) {
    kernel<<<grid, kThreads, shared, stream>>>(a);
    error = cudaGetLastError();
    return true;
  }
  if (grid.x < static_cast<unsigned>(a.tiles) || !device_attribute(cudaDevAttrCooperativeLaunch))
    return false;
  // The driver starts all blocks of a cooperative launch together, or none.
  void* arguments[] = {const_cast<FusedArguments*>(&a)};
  error = cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel), grid, dim3(kThreads), arguments,
                                      static_cast<size_t>(shared), stream);
  if (error != cudaErrorCooperativeLaunchTooLarge) return true;
  cudaGetLastError();  // forgets it
  return false;
}

template <class S, class T, bool kStaged>
cudaError_t launch_in_chunks(const FusedArguments& a, int64_t shared, cudaStream_t stream) {
  constexpr int kWaves = 4;
  constexpr size_t kRoom = kMostWarps * sizeof(T);
  const auto coverage = coverage_kernel<S, T, kStaged>;
  const auto score = score_kernel<S, T, kStaged>;
  for (const auto error : {allow_shared_memory(coverage), allow_shared_memory(score)}) {
    if (error != cudaSuccess) return error;
  }
  const int64_t sample_bytes = a.sample_stride * static_cast<int64_t>(sizeof(S));
  const int64_t cached = device_attribute(cudaDevAttrL2CacheSize) / 2 / sample_bytes;
  const int64_t busy = (kWaves * count_resident(coverage, shared) + a.tiles - 1) / a.tiles;
  constexpr int64_t kMostRows = 65535;  // of a grid
  const int chunk = static_cast<int>(std::min({std::max(cached, busy), int64_t{a.samples}, kMostRows}));
  for (int first = 0; first < a.samples; first += chunk) {
    const dim3 grid(a.tiles, std::min(chunk, a.samples - first));
    score<<<grid, kThreads, shared, stream>>>(a, first);
    coverage<<<grid, kThreads, shared, stream>>>(a, first);
  }
  loss_kernel<T><<<1, kThreads, kRoom, stream>>>(a);
  return cudaGetLastError();
}

template <class S, class T>
cudaError_t launch(const FusedArguments& a, cudaStream_t stream) {
  const int64_t shared = shared_bytes(a, sizeof(T));
  if (shared > device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin))
    return cudaErrorInvalidConfiguration;
  if (!a.staged) return launch_in_chunks<S, T, false>(a, shared, stream);
  cudaError_t error = cudaSuccess;
  if (launch_at_once<S, T>(a, shared, stream, error)) return error;
  return launch_in_chunks<S, T, true>(a, shared, stream);
}

template <class T>
cudaError_t scale(void* values, int64_t count, const void* factor, cudaStream_t stream) {
  const int64_t wanted = (count / Pack<T>::kSize + kThreads) / kThreads;
  const int blocks =
      static_cast<int>(std::min<int64_t>(wanted, 8 * device_attribute(cudaDevAttrMultiProcessorCount)));
  scale_kernel<T>
      <<<blocks, kThreads, 0, stream>>>(static_cast<T*>(values), count, static_cast<const T*>(factor));
  return cudaGetLastError();
}

}  // namespace

bool plan_fused(FusedArguments& arguments, Type type) {
  const bool is_double = type == Type::kDouble;
  const bool is_half = type == Type::kBFloat16 || type == Type::kHalf;
  const int64_t stored = is_double ? 8 : is_half ? 2 : 4;
  const int64_t accumulated = is_double ? 8 : 4;
  const GpuLimits gpu = limits_of_device();
  plan_tiles(arguments, accumulated, kPackBytes / stored, gpu);
  return shared_bytes(arguments, accumulated) <= gpu.block_memory;
}

cudaError_t launch_fused(const FusedArguments& arguments, Type type, cudaStream_t stream) {
  switch (type) {
    case Type::kDouble:
      return launch<double, double>(arguments, stream);
    case Type::kBFloat16:
      return launch<__nv_bfloat16, float>(arguments, stream);
    case Type::kHalf:
      return launch<__half, float>(arguments, stream);
    default:
      return launch<float, float>(arguments, stream);
  }
}

cudaError_t launch_scale(void* values, int64_t count, bool is_double, const void* factor,
                         cudaStream_t stream) {
  return is_double ? scale<double>(values, count, factor, stream)
                   : scale<float>(values, count, factor, stream);
}

cudaError_t launch_draw_mask(uint8_t* mask, const ChannelTable& table, const KeepTable& keep, int classes,
                             int channels, int rows, const PhiloxPosition& position, cudaStream_t stream) {
  constexpr int kMaskThreads = 128;
  const int64_t count = static_cast<int64_t>(rows) * classes;
  if (count > INT32_MAX) return cudaErrorInvalidValue;
  const auto blocks = static_cast<unsigned>((count + kMaskThreads - 1) / kMaskThreads);
  mask_kernel<<<blocks, kMaskThreads, 0, stream>>>(mask, table, keep, classes, channels, rows, position);
  return cudaGetLastError();
}

}  // namespace mcloss::cuda
