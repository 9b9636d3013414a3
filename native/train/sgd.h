#pragma once

#include "optimizer.h"

namespace mcloss::train {

struct SgdOptions {
  double learning_rate = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

// Stochastic gradient descent as torch.optim.SGD (dampening 0), one fused LibTorch call per group.
class Sgd final : public Optimizer {
 public:
  void add_group(std::vector<at::Tensor> parameters, const SgdOptions& options);

 private:
  void update(size_t group, Update& update) override;

  std::vector<SgdOptions> options_;
};

}  // namespace mcloss::train
