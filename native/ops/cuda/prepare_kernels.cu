#include <algorithm>

#include "prepare_body.h"
#include "prepare_kernels.h"

namespace mcloss::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 16;

template <class S>
__global__ void __launch_bounds__(kThreads) prepare_kernel(const __grid_constant__ PrepareArguments a) {
  const int64_t pixels = a.samples * a.height * a.width;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < pixels; i += step) {
    prepare_pixel<S>(a, i);
  }
}

template <class S>
cudaError_t launch_typed(const PrepareArguments& a, cudaStream_t stream) {
  const int64_t pixels = a.samples * a.height * a.width;
  if (pixels == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>(std::min((pixels + kThreads - 1) / kThreads, kMostBlocks));
  prepare_kernel<S><<<blocks, kThreads, 0, stream>>>(a);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_prepare(const PrepareArguments& arguments, Type type, cudaStream_t stream) {
  switch (type) {
    case Type::kBFloat16:
      return launch_typed<__nv_bfloat16>(arguments, stream);
    case Type::kHalf:
      return launch_typed<__half>(arguments, stream);
    default:
      return launch_typed<float>(arguments, stream);
  }
}

}  // namespace mcloss::cuda
