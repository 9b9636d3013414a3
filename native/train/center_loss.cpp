#include "center_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>

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
  // A product adds in the same order every time; index_add_ on a GPU would not.
  const auto classes = at::arange(centers.size(0), labels.options());
  const auto members = classes.unsqueeze(1).eq(labels).to(centers.scalar_type());  // [K, N]
  const auto counts = members.sum(1, /*keepdim=*/true);
  const auto moved = centers + members.matmul(offsets) / (counts + 1) * term.rate;
  centers.copy_(at::where(skip, centers, moved));
}

}  // namespace mcloss::train
