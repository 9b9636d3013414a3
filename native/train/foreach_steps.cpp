#include "foreach_steps.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sub.h>

#include <utility>

namespace mcloss::train {

void descend(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& steps,
             const LearningRate& learning_rate) {
  if (const auto* number = std::get_if<double>(&learning_rate)) {
    at::_foreach_add_(parameters, steps, -*number);
    return;
  }
  at::_foreach_sub_(parameters, at::_foreach_mul(steps, std::get<at::Tensor>(learning_rate)));
}

Snapshot snapshot(std::vector<at::Tensor> parameters,
                  const std::map<std::string, std::vector<at::Tensor>>& state) {
  for (const auto& [name, tensors] : state)
    parameters.insert(parameters.end(), tensors.begin(), tensors.end());
  return Snapshot(std::move(parameters));
}

}  // namespace mcloss::train
