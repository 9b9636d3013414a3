#include "clip_gradients.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace mcloss::train {

at::Tensor clip_norm(const std::vector<at::Tensor>& gradients, double max_norm) {
  const at::NoGradGuard no_grad;
  if (gradients.empty()) return at::zeros({});
  const auto total = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)));
  // PyTorch's own guard against a norm of 0.
  at::_foreach_mul_(gradients, ((total + 1e-6).reciprocal() * max_norm).clamp_max(1));
  return total;
}

void clip_value(const std::vector<at::Tensor>& gradients, double limit) {
  const at::NoGradGuard no_grad;
  at::_foreach_clamp_min_(gradients, -limit);
  at::_foreach_clamp_max_(gradients, limit);
}

}  // namespace mcloss::train
