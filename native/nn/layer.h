#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "planner.h"

namespace mcloss::distributed {
class ProcessGroup;
}

namespace mcloss::nn {

// An output wanted besides the network's last: of a layer, or of something inside it (see Layer::contains).
struct Tap {
  const Layer* layer = nullptr;
  std::string inner = {};
  at::Tensor output = {};
  // What the layers after it get in place of the output; empty: the output itself.
  std::function<at::Tensor(const at::Tensor&)> change = {};
};

// What one forward pass carries through the layers.
struct ForwardPass {
  bool training = false;
  std::vector<Tap> taps = {};
  // Whose batches batch normalisation takes for one; null for this process's alone.
  std::shared_ptr<distributed::ProcessGroup> batch_norm_group = nullptr;
};

class Layer {
 public:
  virtual ~Layer() = default;

  at::Tensor forward(const at::Tensor& input, ForwardPass& pass) const {
    auto output = compute(input, pass);
    for (auto& tap : pass.taps) {
      if (tap.layer != this || !tap.inner.empty()) continue;
      if (tap.change) output = tap.change(output);
      tap.output = output;
    }
    return output;
  }

  // Tells the planner what this layer computes in evaluation mode.
  Planner::Value plan(Planner::Value input, Planner& planner) const {
    const auto output = describe(input, planner);
    planner.note(*this, output);
    return output;
  }

  // Whether several threads may run it at once in evaluation mode.
  virtual bool is_stateless() const { return true; }

  // Whether a tap may ask for `inner`, a part of this layer that is no layer of the spec.
  virtual bool contains(const std::string&) const { return false; }

 private:
  virtual at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const = 0;
  virtual Planner::Value describe(Planner::Value input, Planner& planner) const {
    return planner.call(*this, input);
  }
};

}  // namespace mcloss::nn
