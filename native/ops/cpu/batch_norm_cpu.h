#pragma once

#include "../batch_norm.h"

namespace mcloss::cpu {

// The output, and each channel's mean, inverse standard deviation, scale and shift [4, C].
std::tuple<at::Tensor, at::Tensor> batch_norm_forward(const at::Tensor& input,
                                                      const BatchNormParameters& parameters,
                                                      const BatchNormOutput& output);

struct BatchNormGradients {
  at::Tensor input;  // undefined where it is not needed
  at::Tensor weight, bias;
  at::Tensor unclamped;  // that of what was added
};

// `output` is there where something was added and clamped.
BatchNormGradients batch_norm_backward(const at::Tensor& gradient, const at::Tensor& input,
                                       const at::Tensor& factors, const at::Tensor& output, double low,
                                       double high, bool needs_input);

}  // namespace mcloss::cpu
