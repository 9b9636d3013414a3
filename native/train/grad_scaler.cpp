#include "grad_scaler.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

namespace mcloss::train {

GradScaler::GradScaler(const GradScalerOptions& options) : options_(options) {
  restore({options.initial_scale, 0});
}

at::Tensor GradScaler::scale(const at::Tensor& loss) {
  move_to(loss.device());
  return loss * scale_.to(loss.scalar_type()).squeeze();
}

at::Tensor GradScaler::unscale(const std::vector<at::Tensor>& gradients) {
  const at::NoGradGuard no_grad;
  auto found_inf = at::zeros({}, scale_.options());
  if (gradients.empty()) return found_inf;
  // In float64, so that dividing by the scale rounds once, as PyTorch does it.
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf,
                                                 scale_.to(at::kDouble).reciprocal().to(at::kFloat));
  return found_inf;
}

void GradScaler::update(const at::Tensor& found_inf) {
  const at::NoGradGuard no_grad;
  at::_amp_update_scale_(scale_, growth_tracker_, found_inf, options_.growth_factor, options_.backoff_factor,
                         options_.growth_interval);
}

ScalerState GradScaler::state() const {
  return {scale_.item<double>(), growth_tracker_.item<int64_t>()};
}

void GradScaler::restore(const ScalerState& state) {
  const auto device = scale_.defined() ? scale_.device() : c10::Device(at::kCPU);
  scale_ = at::full({1}, state.scale, at::TensorOptions(at::kFloat).device(device));
  growth_tracker_ = at::full({1}, state.growth_tracker, at::TensorOptions(at::kInt).device(device));
}

void GradScaler::move_to(c10::Device device) {
  if (scale_.device() == device) return;
  scale_ = scale_.to(device);
  growth_tracker_ = growth_tracker_.to(device);
}

}  // namespace mcloss::train
