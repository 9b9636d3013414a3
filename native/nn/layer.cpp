#include "layer.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

namespace mcloss::nn {

at::Tensor Followers::operator()(at::Tensor output) const {
  if (other.defined()) output = output + other;
  if (!activation) return output;
  // What an addition has made nobody else has.
  if (!other.defined()) return (*activation)(output);
  activation->apply(output);
  return output;
}

at::Tensor Layer::forward(const at::Tensor& input, ForwardPass& pass) const {
  return note(compute(input, pass), pass);
}

at::Tensor Layer::forward_with(const at::Tensor& input, const Followers& followers, ForwardPass& pass) const {
  const auto is_this = [this](const Tap& tap) { return tap.layer == this; };
  if (std::ranges::any_of(pass.taps, is_this)) return followers(forward(input, pass));
  return compute_with(input, followers, pass);
}

at::Tensor Layer::note(at::Tensor output, ForwardPass& pass) const {
  for (auto& tap : pass.taps) {
    if (tap.layer != this || !tap.inner.empty()) continue;
    if (tap.change) output = tap.change(output);
    tap.output = output;
  }
  return output;
}

}  // namespace mcloss::nn
