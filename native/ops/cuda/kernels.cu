#include <algorithm>

#include "fused_body.h"
#include "kernels.h"
#include "philox.h"

namespace mcloss::cuda {
namespace {

constexpr int kThreads = 128;
extern __shared__ __align__(16) unsigned char shared_memory[];

template <class S, class T>
__global__ void __launch_bounds__(kThreads)
    score_kernel(const __grid_constant__ FusedArguments a, int first_sample) {
  score_group<S, T>(a, blockIdx.x, first_sample + blockIdx.y, reinterpret_cast<T*>(shared_memory));
}

template <class S, class T, bool kStaged>
__global__ void __launch_bounds__(kThreads)
    coverage_kernel(const __grid_constant__ FusedArguments a, int first_sample) {
  GroupPass<S, T, kStaged>(a, blockIdx.x, first_sample + blockIdx.y, shared_memory).run();
}

template <class T>
__global__ void __launch_bounds__(kThreads) loss_kernel(const __grid_constant__ FusedArguments a) {
  write_losses<T>(a, reinterpret_cast<T*>(shared_memory));
}

template <class S, class T>
__global__ void scale_kernel(S* values, int64_t count, const T* scale) {
  const T factor = *scale;
  if (factor == T(1)) return;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count; i += step) {
    values[i] = Narrow<S, T>::of(widen<T>(values[i]) * factor);
  }
}

__global__ void mask_kernel(uint8_t* mask, const __grid_constant__ ChannelTable table,
                            const __grid_constant__ KeepTable keep, int classes, int channels, int rows,
                            PhiloxPosition position) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= static_cast<int64_t>(rows) * classes) return;
  const uint64_t seed = position.captured_seed ? *position.captured_seed : position.seed;
  const uint64_t offset = position.offset + (position.captured_offset ? *position.captured_offset : 0);
  const int k = static_cast<int>(index % classes);
  int block = 0;
  while (block + 1 < table.blocks && table.first_class[block + 1] <= k) ++block;
  const Group group = group_of(table, k);
  draw_subset(seed, index, offset / 4, group.channels, keep.keep[block],
              mask + (index / classes) * channels + group.first_channel);
}

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0;
  int value = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&value, attribute, device);
  return value;
}

int widest_group(const ChannelTable& table) {
  return *std::max_element(table.channels, table.channels + table.blocks);
}

template <class S, class T, bool kStaged>
cudaError_t launch_typed(const FusedArguments& a, int64_t shared, cudaStream_t stream) {
  // Above 48 KiB a kernel has to ask.
  cudaFuncSetAttribute(coverage_kernel<S, T, kStaged>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       static_cast<int>(shared));
  const int64_t sample_bytes = a.sample_stride * static_cast<int64_t>(sizeof(S));
  const int64_t cache = device_attribute(cudaDevAttrL2CacheSize) / 4;
  const int chunk = static_cast<int>(std::clamp<int64_t>(cache / sample_bytes, 1, a.samples));
  constexpr size_t kRoom = kMostWarps * sizeof(T);
  for (int first = 0; first < a.samples; first += chunk) {
    const dim3 grid(a.classes, std::min(chunk, a.samples - first));
    score_kernel<S, T><<<grid, kThreads, kRoom, stream>>>(a, first);
    coverage_kernel<S, T, kStaged><<<grid, kThreads, shared, stream>>>(a, first);
  }
  loss_kernel<T><<<1, kThreads, kRoom, stream>>>(a);
  return cudaGetLastError();
}

template <class S, class T>
cudaError_t launch(FusedArguments a, cudaStream_t stream) {
  const int widest = widest_group(a.table);
  const int64_t most = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  const int64_t with_values = shared_bytes(widest, a.positions, sizeof(T), true);
  const int64_t without = shared_bytes(widest, a.positions, sizeof(T), false);
  // Staging pays while several blocks fit a multiprocessor.
  a.staged = with_values <= most / 2;
  if (without > most) return cudaErrorInvalidConfiguration;
  return a.staged ? launch_typed<S, T, true>(a, with_values, stream)
                  : launch_typed<S, T, false>(a, without, stream);
}

template <class S, class T>
cudaError_t scale(void* values, int64_t count, const void* factor, cudaStream_t stream) {
  constexpr int kScaleThreads = 256;
  const int64_t wanted = (count + kScaleThreads - 1) / kScaleThreads;
  const int blocks =
      static_cast<int>(std::min<int64_t>(wanted, 8 * device_attribute(cudaDevAttrMultiProcessorCount)));
  scale_kernel<S, T>
      <<<blocks, kScaleThreads, 0, stream>>>(static_cast<S*>(values), count, static_cast<const T*>(factor));
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_fused(FusedArguments arguments, Type type, cudaStream_t stream) {
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

cudaError_t launch_scale(void* values, int64_t count, Type type, const void* factor, cudaStream_t stream) {
  switch (type) {
    case Type::kDouble:
      return scale<double, double>(values, count, factor, stream);
    case Type::kBFloat16:
      return scale<__nv_bfloat16, float>(values, count, factor, stream);
    case Type::kHalf:
      return scale<__half, float>(values, count, factor, stream);
    default:
      return scale<float, float>(values, count, factor, stream);
  }
}

cudaError_t launch_draw_mask(uint8_t* mask, const ChannelTable& table, const KeepTable& keep, int classes,
                             int channels, int rows, const PhiloxPosition& position, cudaStream_t stream) {
  constexpr int kMaskThreads = 128;
  const int64_t count = static_cast<int64_t>(rows) * classes;
  const auto blocks = static_cast<unsigned>((count + kMaskThreads - 1) / kMaskThreads);
  mask_kernel<<<blocks, kMaskThreads, 0, stream>>>(mask, table, keep, classes, channels, rows, position);
  return cudaGetLastError();
}

}  // namespace mcloss::cuda
