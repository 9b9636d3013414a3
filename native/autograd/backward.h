#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss::autograd {

struct BackwardOptions {
  std::vector<at::Tensor> gradients;  // of the outputs; undefined for a scalar's 1
  bool retain_graph = false;
  bool create_graph = false;
};

// Accumulates the gradients of the sum of `outputs` in `inputs`, or in every leaf where that is empty.
// Checked for anomalies where the thread's mode says so (torch.autograd.backward).
void backward(const std::vector<at::Tensor>& outputs, const BackwardOptions& options,
              const std::vector<at::Tensor>& inputs = {});

// The gradients with respect to `inputs`, undefined where one has no part; nothing is accumulated
// (torch.autograd.grad).
std::vector<at::Tensor> grad(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                             const BackwardOptions& options);

}  // namespace mcloss::autograd
