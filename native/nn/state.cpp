#include "state.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

#include "../memory/flat_tensors.h"

namespace mcloss::nn {
namespace {

at::Tensor converted(const at::Tensor& tensor, const Placement& placement) {
  const auto dtype = tensor.is_floating_point() ? placement.dtype : std::nullopt;
  const auto format = tensor.dim() == 4 ? placement.kernel_format : std::nullopt;
  return tensor.detach().to(dtype, /*layout=*/std::nullopt, placement.device, /*pin_memory=*/std::nullopt,
                            /*non_blocking=*/false, /*copy=*/false, format);
}

}  // namespace

const NamedTensor& State::add_parameter(const std::string& name, at::Tensor value) {
  value.set_requires_grad(true);
  return add({name, std::move(value), true});
}

const NamedTensor& State::add_buffer(const std::string& name, at::Tensor value) {
  return add({name, std::move(value), false});
}

const NamedTensor& State::add(NamedTensor entry) {
  TORCH_CHECK_VALUE(names_.insert(entry.name).second, entry.name, " is the name of two tensors");
  return entries_.emplace_back(std::move(entry));
}

std::optional<at::ScalarType> State::dtype() const {
  for (const auto& entry : entries_) {
    if (entry.trainable) return entry.tensor.scalar_type();
  }
  return std::nullopt;
}

void State::convert(const Placement& placement) {
  for (auto& entry : entries_) {
    const auto& gradient = entry.tensor.grad();
    const auto moved = gradient.defined() ? converted(gradient, placement) : at::Tensor();
    // A gradient of another dtype than its tensor's is refused, so it goes first and comes back last.
    entry.tensor.mutable_grad().reset();
    entry.tensor.set_data(converted(entry.tensor, placement));
    if (moved.defined()) entry.tensor.mutable_grad() = moved;
  }
  lay_buffers_flat();
}

void State::lay_buffers_flat() {
  std::vector<at::Tensor> buffers;
  for (const auto& entry : entries_) {
    if (!entry.trainable) buffers.push_back(entry.tensor);
  }
  buffer_blocks_ = lay_flat(buffers, buffer_blocks_);
}

void State::copy_buffers(const State& other) {
  const at::NoGradGuard no_grad;
  const auto sizes_of = [](const at::Tensor& tensor) { return tensor.sizes(); };
  if (std::ranges::equal(buffer_blocks_, other.buffer_blocks_, {}, sizes_of, sizes_of)) {
    for (size_t i = 0; i < buffer_blocks_.size(); ++i) buffer_blocks_[i].copy_(other.buffer_blocks_[i]);
    return;
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].trainable) entries_[i].tensor.copy_(other.entries_[i].tensor);
  }
}

void State::set_frozen(const std::vector<size_t>& positions, bool frozen) {
  for (const size_t position : positions) {
    auto& entry = entries_.at(position);
    entry.frozen = frozen;
    if (!entry.trainable) continue;
    entry.tensor.set_requires_grad(!frozen);
    // A gradient from before would still move it.
    if (frozen) entry.tensor.mutable_grad().reset();
  }
}

}  // namespace mcloss::nn
