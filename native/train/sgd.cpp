#include "sgd.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

namespace mcloss::train {
namespace {

void step_group(SgdGroup& group) {
  std::vector<at::Tensor> parameters, gradients, buffers;
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    const auto& gradient = group.parameters[i].grad();
    if (!gradient.defined()) continue;
    parameters.push_back(group.parameters[i]);
    // The fused kernel walks both as flat memory, so they must be laid out alike.
    gradients.push_back(gradient.strides() == group.parameters[i].strides()
                            ? gradient
                            : at::empty_like(group.parameters[i]).copy_(gradient));
    if (group.options.momentum != 0) buffers.push_back(group.momentum_buffers[i]);
  }
  if (parameters.empty()) return;
  const auto& options = group.options;
  at::_fused_sgd_(parameters, gradients, buffers, options.weight_decay, options.momentum,
                  options.learning_rate,
                  /*dampening=*/0, options.nesterov, /*maximize=*/false, /*is_first_step=*/false);
}

}  // namespace

void Sgd::add_group(std::vector<at::Tensor> parameters, const SgdOptions& options) {
  SgdGroup group{std::move(parameters), {}, options};
  if (options.momentum != 0) {
    for (const auto& parameter : group.parameters)
      group.momentum_buffers.push_back(at::zeros_like(parameter));
  }
  groups_.push_back(std::move(group));
}

void Sgd::set_learning_rate(size_t group, double learning_rate) {
  groups_.at(group).options.learning_rate = learning_rate;
}

void Sgd::step() {
  const at::NoGradGuard no_grad;
  for (auto& group : groups_) step_group(group);
}

void Sgd::zero_grad() {
  for (auto& group : groups_) {
    for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

}  // namespace mcloss::train
