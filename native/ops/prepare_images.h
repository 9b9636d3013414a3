#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "export.h"
#include "prepare_arguments.h"

namespace mcloss {

// The tensors of one call, checked and where the kernels expect them. Absent ones are undefined.
struct PrepareProblem {
  at::Tensor pixels;
  at::Tensor windows;
  at::Tensor erased;
  at::Tensor output;
};

PrepareProblem make_prepare_problem(const at::Tensor& pixels, at::IntArrayRef size,
                                    const std::optional<at::Tensor>& windows,
                                    const std::optional<at::Tensor>& erased,
                                    std::optional<at::ScalarType> dtype);

// Valid as long as the problem's tensors.
PrepareArguments make_prepare_arguments(const PrepareProblem& problem, at::ArrayRef<double> mean,
                                        at::ArrayRef<double> std, at::ArrayRef<double> fill,
                                        at::ArrayRef<double> erased_color);

// mcloss::prepare_images, through the dispatcher. 8-bit pixels [N, H, W, 3] become normalised images
// [N, 3, *size], channels_last, float32 or `dtype`, in one pass: (value / 255 − mean) / std in float32, as
// torchvision's ToTensor and Normalize. Sample n shows `size` pixels from (top, left) on, mirrored or not, of
// `windows`, int32 [N, 3], with `fill` (0 to 255) beyond the image; the rectangle (top, left, height, width)
// of `erased`, int32 [N, 4], becomes `erased_color`, which is in the result's units. No gradient.
MCLOSS_OPS_API at::Tensor prepare_images(const at::Tensor& pixels, at::IntArrayRef size,
                                         at::ArrayRef<double> mean, at::ArrayRef<double> std,
                                         const std::optional<at::Tensor>& windows, at::ArrayRef<double> fill,
                                         const std::optional<at::Tensor>& erased,
                                         at::ArrayRef<double> erased_color,
                                         std::optional<at::ScalarType> dtype);

}  // namespace mcloss
