#pragma once

#include <ATen/core/Tensor.h>

namespace mcloss::nn {

class Layer;

// What one forward pass carries through the layers.
struct ForwardPass {
  bool training = false;
  const Layer* tapped_layer = nullptr;  // whose output is the features
  at::Tensor features = {};
};

class Layer {
 public:
  virtual ~Layer() = default;

  at::Tensor forward(const at::Tensor& input, ForwardPass& pass) const {
    auto output = compute(input, pass);
    if (this == pass.tapped_layer) pass.features = output;
    return output;
  }

 private:
  virtual at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const = 0;
};

}  // namespace mcloss::nn
