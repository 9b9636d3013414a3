#pragma once

#include "optimizer.h"
#include "snapshot.h"

namespace mcloss::train {

// What the optimizers without a fused kernel of LibTorch's have alike.

// parameters -= learning_rate * steps
void descend(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& steps,
             const LearningRate& learning_rate);

// Copies of the parameters and of their state, for a step that is to be passed over.
Snapshot snapshot(std::vector<at::Tensor> parameters,
                  const std::map<std::string, std::vector<at::Tensor>>& state);

}  // namespace mcloss::train
