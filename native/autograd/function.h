#pragma once

#include <memory>
#include <string>
#include <vector>

#include "callback.h"

namespace mcloss::autograd {

// One call of a function with a backward of its own, whose forward has run (torch.autograd.Function).
struct FunctionCall {
  std::string name;
  std::vector<at::Tensor> inputs;  // undefined for arguments that are not tensors
  std::vector<at::Tensor> outputs;
  std::vector<bool> differentiable;  // one for each output
  std::vector<at::Tensor> saved;
  // Takes a gradient for each output, undefined where there is none to have, then what was saved; the flags
  // say which inputs need a gradient. Returns one for each input, undefined for none.
  std::shared_ptr<const Callback> backward;
};

// The outputs as part of the graph. An output that is an input or a view comes as a tensor of its own.
std::vector<at::Tensor> apply_function(const FunctionCall& call);

}  // namespace mcloss::autograd
