#include "adam.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#include <utility>

namespace mcloss::train {

void Adam::add_group(std::vector<at::Tensor> parameters, const AdamOptions& options) {
  std::vector<std::string> state{"exp_avg", "exp_avg_sq"};
  if (options.amsgrad) state.push_back("max_exp_avg_sq");
  Optimizer::add_group(std::move(parameters), options.learning_rate, state, {"step"});
  options_.push_back(options);
}

void Adam::update(size_t group, Update& update) {
  const auto& options = options_.at(group);
  auto& steps = update.state["step"];
  at::_foreach_add_(steps, 1);
  const auto fused = [&](auto&& kernel) {
    const auto call = [&](const auto& learning_rate) {
      kernel(update.parameters, update.gradients, update.state["exp_avg"], update.state["exp_avg_sq"],
             update.state["max_exp_avg_sq"], steps, learning_rate, options.beta1, options.beta2,
             options.weight_decay, options.eps, options.amsgrad, /*maximize=*/false,
             /*grad_scale=*/std::nullopt, update.found_inf);
    };
    std::visit(call, update.learning_rate);
  };
  if (options.decoupled) {
    fused([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
  } else {
    fused([](auto&&... arguments) { at::_fused_adam_(arguments...); });
  }
  // A step that the kernel passed over does not count; subtracting the flag needs no look at it.
  if (update.found_inf) {
    at::_foreach_sub_(steps, std::vector<at::Tensor>(steps.size(), *update.found_inf));
  }
}

}  // namespace mcloss::train
