#pragma once

#include <vector>

#include "state.h"

namespace mcloss::nn {

// Tells whether a model's tensors are those that they were, as far as LibTorch counts their changes.
class WeightsMark {
 public:
  explicit WeightsMark(const State& state) {
    for (const auto& [name, tensor, trainable, frozen] : state.entries()) {
      const auto version = tensor.is_inference() ? 0 : tensor._version();
      tensors_.push_back({tensor.const_data_ptr(), version, tensor.scalar_type()});
    }
  }

  bool operator==(const WeightsMark&) const = default;

 private:
  struct Tensor {
    const void* data;
    int64_t version;
    at::ScalarType dtype;
    bool operator==(const Tensor&) const = default;
  };

  std::vector<Tensor> tensors_;
};

}  // namespace mcloss::nn
