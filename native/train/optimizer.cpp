#include "optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>

#include "../memory/block_cache.h"
#include "../memory/flat_tensors.h"

namespace mcloss::train {
namespace {

// LibTorch's fused kernels walk all of an update as flat memory, after a copy in channels-first order, which
// they do not use, of each gradient that is in another.
bool is_copied_in_vain(const at::Tensor& parameter) {
  return parameter.is_cpu() && !parameter.is_contiguous() && parameter.is_non_overlapping_and_dense();
}

}  // namespace

void Optimizer::add_group(std::vector<at::Tensor> parameters, double learning_rate,
                          const std::vector<std::string>& like_parameter,
                          const std::vector<std::string>& scalars) {
  const at::NoGradGuard no_grad;
  Group group{std::move(parameters), {}, learning_rate};
  for (const auto& parameter : group.parameters) {
    for (const auto& name : like_parameter) group.state[name].push_back(at::zeros_like(parameter));
    const auto options = parameter.options().dtype(at::kFloat);
    for (const auto& name : scalars) group.state[name].push_back(at::zeros({}, options));
  }
  groups_.push_back(std::move(group));
}

void Optimizer::set_learning_rate(size_t group, LearningRate learning_rate) {
  groups_.at(group).learning_rate = std::move(learning_rate);
}

Optimizer::Update Optimizer::gather(const Group& group) {
  Update update;
  update.learning_rate = group.learning_rate;
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    const auto& parameter = group.parameters[i];
    const auto& gradient = parameter.grad();
    if (!gradient.defined()) continue;
    const bool flat = is_copied_in_vain(parameter);
    const auto given = [flat](const at::Tensor& tensor) {
      return flat && tensor.dim() > 0 ? flat_view(tensor) : tensor;
    };
    update.parameters.push_back(given(parameter));
    const bool alike = gradient.strides() == parameter.strides();
    update.gradients.push_back(given(alike ? gradient : at::empty_like(parameter).copy_(gradient)));
    for (const auto& [name, tensors] : group.state) update.state[name].push_back(given(tensors[i]));
  }
  return update;
}

Optimizer::~Optimizer() {
  end_training_steps();
}

void Optimizer::step(const std::optional<at::Tensor>& found_inf) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < groups_.size(); ++i) {
    auto part = gather(groups_[i]);
    if (part.parameters.empty()) continue;
    if (found_inf) part.found_inf = found_inf->reshape({});
    update(i, part);
  }
  note_training_step();
}

void Optimizer::zero_grad() {
  for (auto& group : groups_) {
    for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
  }
  flat_.release();
}

void Optimizer::accumulate(bool afresh, const std::function<void()>& backward) {
  if (afresh) {
    flat_.begin(parameters());
  } else {
    flat_.go_on();
  }
  try {
    backward();
  } catch (...) {
    flat_.drop_unreached();
    throw;
  }
  flat_.drop_unreached();
}

std::vector<at::Tensor> Optimizer::parameters() const {
  std::vector<at::Tensor> all;
  for (const auto& group : groups_) all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  return all;
}

std::vector<at::Tensor> Optimizer::gradients() const {
  const auto all = parameters();
  if (flat_.are_all_of(all)) return flat_.blocks();
  std::vector<at::Tensor> found;
  for (const auto& parameter : all) {
    if (parameter.grad().defined()) found.push_back(parameter.grad());
  }
  return found;
}

std::vector<OptimizerState> Optimizer::state() const {
  std::vector<OptimizerState> all;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const auto& [name, tensors] : groups_[g].state) {
      for (size_t i = 0; i < tensors.size(); ++i) all.push_back({g, i, name, tensors[i]});
    }
  }
  return all;
}

}  // namespace mcloss::train
