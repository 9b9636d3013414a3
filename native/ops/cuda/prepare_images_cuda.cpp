#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "../prepare_images.h"
#include "prepare_kernels.h"

namespace mcloss::cuda {
namespace {

Type type_of(at::ScalarType type) {
  switch (type) {
    case at::kBFloat16:
      return Type::kBFloat16;
    case at::kHalf:
      return Type::kHalf;
    default:
      return Type::kFloat;
  }
}

at::Tensor prepare_images_cuda(const at::Tensor& pixels, at::IntArrayRef size, at::ArrayRef<double> mean,
                               at::ArrayRef<double> std, const std::optional<at::Tensor>& windows,
                               at::ArrayRef<double> fill, const std::optional<at::Tensor>& erased,
                               at::ArrayRef<double> erased_color, std::optional<at::ScalarType> dtype) {
  const c10::cuda::CUDAGuard guard(pixels.device());
  const auto problem = make_prepare_problem(pixels, size, windows, erased, dtype);
  const auto arguments = make_prepare_arguments(problem, mean, std, fill, erased_color);
  C10_CUDA_CHECK(
      launch_prepare(arguments, type_of(problem.output.scalar_type()), c10::cuda::getCurrentCUDAStream()));
  return problem.output;
}

}  // namespace
}  // namespace mcloss::cuda

TORCH_LIBRARY_IMPL(mcloss, CUDA, library) {
  library.impl("prepare_images", &mcloss::cuda::prepare_images_cuda);
}
