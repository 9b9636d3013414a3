#include "snapshot.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/where.h>

#include <utility>

namespace mcloss::train {

Snapshot::Snapshot(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {
  const at::NoGradGuard no_grad;
  for (const auto& tensor : tensors_) copies_.push_back(tensor.clone());
}

void Snapshot::restore_where(const at::Tensor& flag) const {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    auto tensor = tensors_[i];
    at::where_out(tensor, flag, copies_[i], tensor);
  }
}

}  // namespace mcloss::train
