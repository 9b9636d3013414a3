#include "mix_batch.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/one_hot.h>

namespace mcloss::train {
namespace {

// The whole batch moved on by one place.
at::Tensor previous_of(const at::Tensor& own, distributed::ProcessGroup* group) {
  if (!group || group->size() == 1) return own.roll(1, 0);
  const auto received = group->pass_on(own);
  return group->rank() == 0 ? received.roll(1, 0) : received;
}

at::Tensor distributions(const at::Tensor& labels, int64_t classes, at::ScalarType type) {
  return labels.is_floating_point() ? labels.to(type) : at::one_hot(labels, classes).to(type);
}

// As torchvision's MixUp, bit for bit.
at::Tensor average(const at::Tensor& own, const at::Tensor& previous, double share) {
  return previous.mul(1 - share).add_(own.mul(share));
}

at::Tensor part_of(const at::Tensor& images, const std::array<int64_t, 4>& box) {
  const auto [top, left, height, width] = box;
  return images.narrow(2, top, height).narrow(3, left, width);
}

}  // namespace

MixedBatch mix_batch(const at::Tensor& images, const at::Tensor& labels, const Mixing& mixing,
                     distributed::ProcessGroup* group) {
  const at::NoGradGuard no_grad;
  const auto& [classes, share, box] = mixing;
  const auto type = images.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto own = distributions(labels, classes, type);
  if (share == 1) return {images, own};
  const auto targets = average(own, previous_of(own, group), share);
  const auto previous = previous_of(images, group);
  if (!box) return {average(images, previous, share), targets};
  const auto mixed = images.clone();
  part_of(mixed, *box).copy_(part_of(previous, *box));
  return {mixed, targets};
}

}  // namespace mcloss::train
