#include "ema.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_lerp.h>

namespace mcloss::train {

Ema::Ema(const nn::State& state, double decay) : decay_(decay) {
  for (const auto& entry : state.entries()) {
    average_.add({entry.name, entry.tensor.detach().clone(), entry.trainable});
  }
  average_.lay_buffers_flat();
}

void Ema::update(const nn::State& state) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> averages, parameters;
  for (size_t i = 0; i < state.entries().size(); ++i) {
    const auto& current = state.entries()[i];
    if (!current.trainable) continue;
    averages.push_back(average_.entries()[i].tensor);
    parameters.push_back(current.tensor);
  }
  at::_foreach_lerp_(averages, parameters, 1 - decay_);
  average_.copy_buffers(state);
}

}  // namespace mcloss::train
