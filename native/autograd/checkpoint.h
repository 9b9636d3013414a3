#pragma once

#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <memory>
#include <optional>
#include <vector>

#include "callback.h"

namespace mcloss::autograd {

// One run of a checkpointed function: decides where its operations save what their backward needs.
class CheckpointPass {
 public:
  virtual ~CheckpointPass() = default;
  // Null, for LibTorch's own way, once the run is over.
  virtual std::unique_ptr<torch::autograd::SavedVariableHooks> hooks() = 0;
  // Around the run. A repeated one has the generators in the state of the first meanwhile.
  virtual void begin() = 0;
  virtual void end() = 0;
};

// A first run that saves nothing but `inputs`. `recompute`, given the inputs and a pass, must run the
// function again in that pass; it is called when backward needs what was not saved (torch.utils.checkpoint,
// non-reentrant).
std::shared_ptr<CheckpointPass> start_checkpoint(const std::vector<at::Tensor>& inputs,
                                                 std::shared_ptr<const Callback> recompute);

}  // namespace mcloss::autograd
