#include "center_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>

namespace mcloss::train {

at::Tensor center_loss(const at::Tensor& vectors, const at::Tensor& labels, const at::Tensor& centers) {
  TORCH_CHECK_VALUE(!labels.is_floating_point(), "a center loss needs one class for each image, got labels ",
                    labels.sizes());
  const auto offsets = vectors.to(centers.scalar_type()) - centers.index_select(0, labels);
  return offsets.square().sum(1).mean() / 2;
}

void move_centers(const CenterTerm& term, const at::Tensor& vectors, const at::Tensor& labels,
                  const at::Tensor& skip, distributed::ProcessGroup* group) {
  const at::NoGradGuard no_grad;
  const auto& centers = term.centers;
  const auto offsets = vectors.to(centers.scalar_type()) - centers.index_select(0, labels);
  // A product adds in the same order every time; index_add_ on a GPU would not.
  const auto classes = at::arange(centers.size(0), labels.options());
  const auto members = classes.unsqueeze(1).eq(labels).to(centers.scalar_type());  // [K, N]
  const int64_t size = centers.size(1);
  // Side by side, so that they are sent at once.
  const auto flags = skip.to(centers.scalar_type()).expand({centers.size(0), 1});
  const auto sums = at::cat({members.matmul(offsets), members.sum(1, /*keepdim=*/true), flags}, 1);
  if (group) group->all_reduce(sums, distributed::Reduction::kSum);
  const auto counts = sums.narrow(1, size, 1);
  const auto moved = centers + sums.narrow(1, 0, size) / (counts + 1) * term.rate;
  centers.copy_(at::where(sums.narrow(1, size + 1, 1).gt(0), centers, moved));
}

}  // namespace mcloss::train
