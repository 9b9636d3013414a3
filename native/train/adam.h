#pragma once

#include "optimizer.h"

namespace mcloss::train {

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  // Weight decay apart from the gradient, as AdamW.
  bool decoupled = false;
};

// torch.optim.Adam and torch.optim.AdamW, one fused LibTorch call per group.
class Adam final : public Optimizer {
 public:
  void add_group(std::vector<at::Tensor> parameters, const AdamOptions& options);

 private:
  void update(size_t group, Update& update) override;

  std::vector<AdamOptions> options_;
};

}  // namespace mcloss::train
