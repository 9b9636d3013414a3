#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss::train {

struct SgdOptions {
  double learning_rate = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

struct SgdGroup {
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> momentum_buffers;  // zeros before the first step
  SgdOptions options;
};

// Stochastic gradient descent as torch.optim.SGD (dampening 0), one fused LibTorch call per group.
class Sgd {
 public:
  void add_group(std::vector<at::Tensor> parameters, const SgdOptions& options);
  void set_learning_rate(size_t group, double learning_rate);
  // Parameters without a gradient are left as they are.
  void step();
  void zero_grad();

  const std::vector<SgdGroup>& groups() const { return groups_; }

 private:
  std::vector<SgdGroup> groups_;
};

}  // namespace mcloss::train
