#include "center_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace mcloss::train {

at::Tensor center_loss(const at::Tensor& vectors, const at::Tensor& labels, const at::Tensor& centers) {
  const auto offsets = vectors.to(centers.scalar_type()) - centers.index_select(0, labels);
  return offsets.square().sum(1).mean() / 2;
}

void move_centers(const CenterTerm& term, const at::Tensor& vectors, const at::Tensor& labels,
                  const at::Tensor& skip) {
  const at::NoGradGuard no_grad;
  const auto& centers = term.centers;
  const auto offsets = vectors.to(centers.scalar_type()) - centers.index_select(0, labels);
  const auto ones = at::ones_like(labels, centers.options());
  const auto counts = at::zeros({centers.size(0)}, centers.options()).index_add_(0, labels, ones);
  const auto sums = at::zeros_like(centers).index_add_(0, labels, offsets);
  const auto moved = centers + sums / (counts + 1).unsqueeze(1) * term.rate;
  centers.copy_(at::where(skip, centers, moved));
}

}  // namespace mcloss::train
