#pragma once

#include <ATen/core/Tensor.h>

namespace mcloss::nn {

// Whether pointwise_convolution() is the faster one: with bfloat16 in the processor's own instructions, and
// weights enough that a product is worth laying the images anew for it.
bool suits_pointwise_convolution(const at::Tensor& input, const at::Tensor& weight);

// at::conv2d() with weights [O, C, 1, 1], in bfloat16, with no bias and padding. The weights' gradient is a
// product of matrices, which oneDNN makes in two thirds of what its convolution takes for it.
at::Tensor pointwise_convolution(const at::Tensor& input, const at::Tensor& weight, at::IntArrayRef stride);

}  // namespace mcloss::nn
