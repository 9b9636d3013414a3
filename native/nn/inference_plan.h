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
    bool use_packed = true;
  };
  struct Output {
    at::Tensor watched, last;
  };

  // `last` is the value that the planner's nodes end in.
  InferencePlan(Planner planner, Planner::Value last, Options options);

  // A batch of enough images is shared among the threads image by image.
  Output run(const at::Tensor& input) const;

 private:
  Output run_on(const at::Tensor& input, int64_t threads) const;
  int64_t threads_for(const at::Tensor& input) const;
  Output run_steps(const at::Tensor& input) const;
  using Inputs = std::vector<at::Tensor>;
  struct Step {
    std::function<at::Tensor(Inputs&)> run;
    std::vector<size_t> inputs;
    std::vector<size_t> ended;  // those of its inputs that nothing needs afterwards
    int64_t work = 0;           // multiplications for each number that it gives
  };
  class Compiler;

  std::vector<Step> steps_;  // step i gives value i + 1; value 0 is the input
  size_t watched_ = 0, last_ = 0;
  bool splits_ = true;              // whether parts of a batch may run by themselves, on several threads
  mutable bool is_packed_ = false;  // whether a pass has packed the weights
  mutable double work_ = 0;         // of the first pass, multiplications for each number of the input
};

}  // namespace mcloss::nn
