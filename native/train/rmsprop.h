#pragma once

#include "optimizer.h"

namespace mcloss::train {

struct RmspropOptions {
  double learning_rate = 0.01;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
};

// torch.optim.RMSprop in LibTorch's foreach operators, which has no fused kernel for it.
class Rmsprop final : public Optimizer {
 public:
  void add_group(std::vector<at::Tensor> parameters, const RmspropOptions& options);

 private:
  void update(size_t group, Update& update) override;

  std::vector<RmspropOptions> options_;
};

}  // namespace mcloss::train
