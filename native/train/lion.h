#pragma once

#include "optimizer.h"

namespace mcloss::train {

struct LionOptions {
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
};

// Lion (Chen et al. 2023, algorithm 2) in LibTorch's foreach operators, which has no fused kernel for it.
class Lion final : public Optimizer {
 public:
  void add_group(std::vector<at::Tensor> parameters, const LionOptions& options);

 private:
  void update(size_t group, Update& update) override;

  std::vector<LionOptions> options_;
};

}  // namespace mcloss::train
