#include "flat_gradients.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "../memory/flat_tensors.h"

namespace mcloss::train {

void FlatGradients::begin(const std::vector<at::Tensor>& parameters) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> trained;
  for (const auto& parameter : parameters) {
    if (parameter.requires_grad()) trained.push_back(parameter);
  }
  const bool again = fits(trained) && !is_looked_at();
  for (const auto& parameter : parameters) parameter.mutable_grad().reset();
  if (again) {
    for (auto& block : blocks_) block.zero_();
  } else {
    allocate(trained);
  }
  for (auto& slot : slots_) slot.attach();
}

void FlatGradients::go_on() {
  const at::NoGradGuard no_grad;
  for (auto& slot : slots_) {
    if (slot.parameter.grad().defined() || !slot.fits(slot.parameter)) continue;
    if (!slot.is_zero()) slot.gradient.zero_();
    slot.attach();
  }
}

void FlatGradients::drop_unreached() {
  for (auto& slot : slots_) {
    if (slot.is_attached() && slot.is_zero()) slot.parameter.mutable_grad().reset();
  }
}

void FlatGradients::release() {
  slots_.clear();
  blocks_.clear();
}

bool FlatGradients::are_all_of(const std::vector<at::Tensor>& parameters) const {
  const auto has_gradient = [](const at::Tensor& parameter) { return parameter.grad().defined(); };
  const auto is_here = [](const Slot& slot) { return slot.is_attached(); };
  return std::ranges::count_if(parameters, has_gradient) == std::ranges::count_if(slots_, is_here) &&
         std::ranges::all_of(slots_, [](const Slot& slot) { return slot.is_attached() || slot.is_zero(); });
}

bool FlatGradients::Slot::fits(const at::Tensor& other) const {
  return parameter.is_same(other) && other.requires_grad() && gradient.sizes() == other.sizes() &&
         gradient.strides() == other.strides() && gradient.dtype() == other.dtype() &&
         gradient.device() == other.device();
}

void FlatGradients::Slot::attach() {
  version = gradient._version();
  parameter.mutable_grad() = gradient;
}

bool FlatGradients::fits(const std::vector<at::Tensor>& parameters) const {
  return std::ranges::equal(
      slots_, parameters, [](const Slot& slot, const at::Tensor& parameter) { return slot.fits(parameter); });
}

bool FlatGradients::is_looked_at() const {
  size_t users = 0;
  for (const auto& block : blocks_) users += block.storage().use_count();
  if (users > blocks_.size() + slots_.size()) return true;
  return std::ranges::any_of(
      slots_, [](const Slot& slot) { return slot.gradient.use_count() > (slot.is_attached() ? 2U : 1U); });
}

void FlatGradients::allocate(const std::vector<at::Tensor>& parameters) {
  release();
  auto flat = flat_zeros_like(parameters);
  blocks_ = std::move(flat.blocks);
  for (size_t i = 0; i < parameters.size(); ++i) {
    slots_.push_back({parameters[i], std::move(flat.tensors[i]), 0});
  }
}

}  // namespace mcloss::train
