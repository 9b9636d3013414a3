#include "sgd.h"

#include <ATen/ops/_fused_sgd.h>

#include <utility>

namespace mcloss::train {

void Sgd::add_group(std::vector<at::Tensor> parameters, const SgdOptions& options) {
  std::vector<std::string> state;
  if (options.momentum != 0) state.push_back("momentum_buffer");
  Optimizer::add_group(std::move(parameters), options.learning_rate, state);
  options_.push_back(options);
}

void Sgd::update(size_t group, Update& update) {
  const auto& options = options_.at(group);
  // A buffer of zeros makes the first step like the others.
  const auto fused = [&](const auto& learning_rate) {
    at::_fused_sgd_(update.parameters, update.gradients, update.state["momentum_buffer"],
                    options.weight_decay, options.momentum, learning_rate, /*dampening=*/0, options.nesterov,
                    /*maximize=*/false, /*is_first_step=*/false, /*grad_scale=*/std::nullopt,
                    update.found_inf);
  };
  std::visit(fused, update.learning_rate);
}

}  // namespace mcloss::train
