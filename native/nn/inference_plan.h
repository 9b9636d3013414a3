#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "planner.h"

namespace mcloss::nn {

// A network made ready for inference: batch normalisation folded into the convolutions before it, and
// activations and residual sums done where the convolutions write. It has copies of the weights, packed for
// the processor.
class InferencePlan {
 public:
  struct Options {
    at::ScalarType dtype = at::kFloat;  // to compute in
    bool use_onednn = true;
  };
  struct Output {
    at::Tensor watched, last;
  };

  // `last` is the value that the planner's nodes end in.
  InferencePlan(Planner planner, Planner::Value last, Options options);

  Output run(const at::Tensor& input) const;

 private:
  using Inputs = std::vector<at::Tensor>;
  struct Step {
    std::function<at::Tensor(Inputs&)> run;
    std::vector<size_t> inputs;
    std::vector<size_t> ended;  // those of its inputs that nothing needs afterwards
  };
  class Compiler;

  std::vector<Step> steps_;  // step i gives value i + 1; value 0 is the input
  size_t watched_ = 0, last_ = 0;
};

}  // namespace mcloss::nn
