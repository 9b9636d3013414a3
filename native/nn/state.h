#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace mcloss::nn {

struct NamedTensor {
  std::string name;  // torchvision's dotted name
  at::Tensor tensor;
  bool trainable;  // a parameter; otherwise a buffer
};

// The parameters and buffers of a model, in the order of its layers.
class State {
 public:
  at::Tensor add_parameter(const std::string& name, at::Tensor value);
  at::Tensor add_buffer(const std::string& name, at::Tensor value);

  const std::vector<NamedTensor>& entries() const { return entries_; }
  int64_t bytes() const;
  // Moves every entry in place, so that layers and optimizers keep their handles.
  void move_to(c10::Device device);

 private:
  std::vector<NamedTensor> entries_;
};

}  // namespace mcloss::nn
