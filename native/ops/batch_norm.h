#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

#include "export.h"

namespace mcloss {

// What is done with a normalised batch in the same pass.
struct BatchNormOutput {
  at::Tensor other = {};  // is added, like the input; or undefined
  double low, high;       // what the result is held between
};

struct BatchNormParameters {
  at::Tensor weight, bias;               // [C]
  at::Tensor running_mean, running_var;  // [C], are moved
  double momentum, eps;
};

// Whether batch_norm() takes these: on the CPU, in channels_last, float32 and bfloat16 with parameters in
// float32, or all in float64.
MCLOSS_OPS_API bool suits_batch_norm(const at::Tensor& input, const BatchNormParameters& parameters,
                                     const BatchNormOutput& output);

// torch.nn.functional.batch_norm in training, and what comes after it, rounded once: two passes over the
// images forward and two backward. Sums are the same for any number of threads.
MCLOSS_OPS_API at::Tensor batch_norm(const at::Tensor& input, const BatchNormParameters& parameters,
                                     const BatchNormOutput& output);

}  // namespace mcloss
