#include "lion.h"

#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sign.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsub.h>

#include <utility>

#include "foreach_steps.h"

namespace mcloss::train {
namespace {

// parameters *= 1 - learning_rate * weight_decay
void decay(const std::vector<at::Tensor>& parameters, double weight_decay,
           const LearningRate& learning_rate) {
  if (const auto* number = std::get_if<double>(&learning_rate)) {
    at::_foreach_mul_(parameters, 1 - *number * weight_decay);
    return;
  }
  at::_foreach_mul_(parameters, at::rsub(at::mul(std::get<at::Tensor>(learning_rate), weight_decay), 1));
}

}  // namespace

void Lion::add_group(std::vector<at::Tensor> parameters, const LionOptions& options) {
  Optimizer::add_group(std::move(parameters), options.learning_rate, {"exp_avg"});
  options_.push_back(options);
}

void Lion::update(size_t group, Update& update) {
  // There is no kernel that passes a step over by itself.
  std::optional<Snapshot> before;
  if (update.found_inf) before = snapshot(update.parameters, update.state);
  const auto& options = options_.at(group);
  auto& average = update.state["exp_avg"];
  auto steps = at::_foreach_lerp(average, update.gradients, 1 - options.beta1);
  at::_foreach_sign_(steps);
  if (options.weight_decay != 0) decay(update.parameters, options.weight_decay, update.learning_rate);
  descend(update.parameters, steps, update.learning_rate);
  at::_foreach_lerp_(average, update.gradients, 1 - options.beta2);
  if (before) before->restore_where(update.found_inf->ne(0));
}

}  // namespace mcloss::train
