#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

namespace mcloss::autograd {

class CheckpointPass;

struct CallbackArguments {
  std::vector<at::Tensor> tensors;  // undefined ones among them
  std::vector<bool> flags;
  std::shared_ptr<CheckpointPass> pass;
};

// A function of the program's own that the graph calls, on whatever thread computes it.
class Callback {
 public:
  virtual ~Callback() = default;
  // Nothing where the function has been removed.
  virtual std::vector<at::Tensor> call(CallbackArguments arguments) const = 0;
};

}  // namespace mcloss::autograd
