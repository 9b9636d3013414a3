#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <variant>
#include <vector>

#include "activation.h"

namespace mcloss::nn {

class Layer;

// How a convolution looks at its input.
struct ConvolutionWindow {
  std::vector<int64_t> stride{1, 1}, padding{0, 0}, dilation{1, 1};
  int64_t groups = 1;
};

// What a network computes in evaluation mode: values that are made of values, in the order of computation.
// Each layer tells its part (Layer::plan()); InferencePlan makes steps of it.
class Planner {
 public:
  // The position of what gives it.
  using Value = size_t;

  struct Input {};
  struct Convolution {
    at::Tensor weight, bias;  // the bias may be undefined
    ConvolutionWindow window;
  };
  // Of vectors [N, C].
  struct Linear {
    at::Tensor weight, bias;  // the bias may be undefined
  };
  // x * scale + shift by channel; float64.
  struct Affine {
    at::Tensor scale, shift;
  };
  struct Sum {};
  struct Product {};
  // Along the channels.
  struct Concatenation {};
  struct Flatten {};
  enum class Result : uint8_t { kNew, kMayShareInput };
  struct Call {
    const Layer* layer;
    Result result;
  };
  using Operation = std::variant<Input, Convolution, Linear, Affine, Activation, Sum, Product, Concatenation,
                                 Flatten, Call>;
  struct Node {
    Operation operation;
    std::vector<Value> inputs;
    bool kept = false;  // wanted after the pass
  };

  Value add(Operation operation, std::vector<Value> inputs) {
    nodes_.push_back({std::move(operation), std::move(inputs)});
    return nodes_.size() - 1;
  }
  // A layer that has no plan of its own runs as it is.
  Value call(const Layer& layer, Value input, Result result = Result::kMayShareInput) {
    return add(Call{&layer, result}, {input});
  }

  // Keeps what `layer` gives.
  void watch(const Layer* layer) { watched_ = layer; }
  void note(const Layer& layer, Value output) {
    if (&layer == watched_) seen_ = output;
  }
  std::optional<Value> seen() const { return seen_; }
  std::vector<Node>& nodes() { return nodes_; }

 private:
  std::vector<Node> nodes_;
  const Layer* watched_ = nullptr;
  std::optional<Value> seen_;
};

}  // namespace mcloss::nn
