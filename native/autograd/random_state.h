#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

namespace mcloss::autograd {

// The states of LibTorch's own generators: the CPU's and those of the devices of `tensors`.
class RandomState {
 public:
  explicit RandomState(const std::vector<at::Tensor>& tensors);

  // Makes this the generators' state; returns what was.
  RandomState exchange() const;

 private:
  RandomState() = default;

  std::vector<std::pair<at::Generator, at::Tensor>> states_;
};

}  // namespace mcloss::autograd
