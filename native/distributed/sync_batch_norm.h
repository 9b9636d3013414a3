#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "process_group.h"

namespace mcloss::distributed {

struct BatchNormOptions {
  double momentum;
  double eps;
};

// Batch normalisation in training over the batches of all processes together (torch.nn.SyncBatchNorm), with
// running statistics of them. `weight` and `bias` may be undefined.
at::Tensor sync_batch_norm(const std::shared_ptr<ProcessGroup>& group, const at::Tensor& input,
                           const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& running_mean,
                           const at::Tensor& running_var, const BatchNormOptions& options);

}  // namespace mcloss::distributed
