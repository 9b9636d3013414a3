#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "planner.h"

namespace mcloss::nn {

// What follows a convolution in the same pass over its output.
struct ConvolutionEnd {
  bool adds = false;  // another tensor, before the activation
  std::optional<Activation> activation = {};
};

// A convolution made ready for many inputs, without gradients.
class PackedConvolution {
 public:
  virtual ~PackedConvolution() = default;

  // `other` is what is added, where something is; with `overwrites_other` the result may be in its memory.
  virtual at::Tensor run(const at::Tensor& input, const at::Tensor& other, bool overwrites_other) const = 0;
};

// `weight` and `bias` are of the dtype to compute in, and where the input will be. With `use_packed`, by this
// package's kernels or oneDNN's operators, with the weights in their layouts, where this build and this
// processor have them.
std::unique_ptr<PackedConvolution> pack_convolution(Planner::Convolution convolution, ConvolutionEnd end,
                                                    bool use_packed);

struct ConvolutionStage {
  Planner::Convolution convolution;
  ConvolutionEnd end;
};

// One convolution that does what `stages` do one after another, in the cases that join_float_convolutions()
// knows; null in others. What the last one adds is all that is added.
std::unique_ptr<PackedConvolution> join_convolutions(const std::vector<ConvolutionStage>& stages);

}  // namespace mcloss::nn
