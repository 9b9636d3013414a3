#include <algorithm>

#include "prepare_body.h"
#include "prepare_kernels.h"

namespace mcloss::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostRows = 65535;  // of a grid

template <class S>
__global__ void __launch_bounds__(kThreads) prepare_kernel(const __grid_constant__ PrepareArguments a) {
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= static_cast<unsigned>(a.height * a.width)) return;
  for (int n = static_cast<int>(blockIdx.y); n < a.samples; n += static_cast<int>(gridDim.y)) {
    prepare_pixel<S>(a, n, static_cast<int>(index));
  }
}

template <class S>
cudaError_t launch_typed(const PrepareArguments& a, cudaStream_t stream) {
  const int64_t pixels = static_cast<int64_t>(a.height) * a.width;
  if (pixels * a.samples == 0) return cudaSuccess;
  if (pixels > INT32_MAX) return cudaErrorInvalidValue;
  const dim3 grid(static_cast<unsigned>((pixels + kThreads - 1) / kThreads),
                  static_cast<unsigned>(std::min(a.samples, kMostRows)));
  prepare_kernel<S><<<grid, kThreads, 0, stream>>>(a);
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
