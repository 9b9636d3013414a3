#include "finite.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>

namespace mcloss::nn {

bool is_finite(const State& state) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> finite;
  for (const auto& entry : state.entries()) {
    if (entry.tensor.is_floating_point()) finite.push_back(at::isfinite(entry.tensor).all());
  }
  return finite.empty() || at::stack(finite).all().item<bool>();
}

}  // namespace mcloss::nn
