#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss::train {

// Copies of tensors, to be put back where a flag on their device says so: nothing waits for the flag.
class Snapshot {
 public:
  explicit Snapshot(std::vector<at::Tensor> tensors);

  // `flag` is a boolean scalar.
  void restore_where(const at::Tensor& flag) const;

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<at::Tensor> copies_;
};

}  // namespace mcloss::train
