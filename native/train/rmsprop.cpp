#include "rmsprop.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_foreach_sub.h>

#include <utility>

#include "foreach_steps.h"

namespace mcloss::train {
namespace {

using State = std::map<std::string, std::vector<at::Tensor>>;

using Tensors = std::vector<at::Tensor>;

// parameters -= learning_rate * numerators / divisors
void descend_by_quotient(const Tensors& parameters, const Tensors& numerators, const Tensors& divisors,
                         const LearningRate& learning_rate) {
  if (const auto* number = std::get_if<double>(&learning_rate)) {
    at::_foreach_addcdiv_(parameters, numerators, divisors, -*number);
    return;
  }
  auto steps = at::_foreach_div(numerators, divisors);
  at::_foreach_mul_(steps, std::get<at::Tensor>(learning_rate));
  at::_foreach_sub_(parameters, steps);
}

void apply(const RmspropOptions& options, const Tensors& parameters, Tensors gradients, State& state,
           const LearningRate& learning_rate) {
  if (options.weight_decay != 0) {
    gradients = at::_foreach_add(gradients, parameters, options.weight_decay);
  }
  auto& squares = state["square_avg"];
  at::_foreach_mul_(squares, options.alpha);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - options.alpha);
  auto divisors = squares;
  if (options.centered) {
    auto& means = state["grad_avg"];
    at::_foreach_lerp_(means, gradients, 1 - options.alpha);
    divisors = at::_foreach_addcmul(squares, means, means, -1);
  }
  divisors = at::_foreach_sqrt(divisors);
  at::_foreach_add_(divisors, options.eps);
  if (options.momentum == 0) {
    descend_by_quotient(parameters, gradients, divisors, learning_rate);
    return;
  }
  auto& buffers = state["momentum_buffer"];
  at::_foreach_mul_(buffers, options.momentum);
  at::_foreach_addcdiv_(buffers, gradients, divisors);
  descend(parameters, buffers, learning_rate);
}

}  // namespace

void Rmsprop::add_group(std::vector<at::Tensor> parameters, const RmspropOptions& options) {
  std::vector<std::string> state{"square_avg"};
  if (options.momentum != 0) state.push_back("momentum_buffer");
  if (options.centered) state.push_back("grad_avg");
  Optimizer::add_group(std::move(parameters), options.learning_rate, state);
  options_.push_back(options);
}

void Rmsprop::update(size_t group, Update& update) {
  // There is no kernel that passes a step over by itself.
  std::optional<Snapshot> before;
  if (update.found_inf) before = snapshot(update.parameters, update.state);
  apply(options_.at(group), update.parameters, update.gradients, update.state, update.learning_rate);
  if (before) before->restore_where(update.found_inf->ne(0));
}

}  // namespace mcloss::train
