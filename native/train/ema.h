#pragma once

#include <ATen/core/Tensor.h>

#include <deque>

#include "../nn/state.h"

namespace mcloss::train {

// An exponential moving average of a model's parameters; buffers are taken as they are
// (torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn).
class Ema {
 public:
  Ema(const nn::State& state, double decay);

  void update(const nn::State& state);
  // Names and tensors as the model's own.
  const std::deque<nn::NamedTensor>& entries() const { return average_.entries(); }

 private:
  double decay_;
  nn::State average_;
};

}  // namespace mcloss::train
