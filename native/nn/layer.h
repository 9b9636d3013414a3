#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "activation.h"
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

// What is done with a layer's output, by itself or by the layer where that is less work: `other`, if there is
// one, is added, and the sum activated.
struct Followers {
  at::Tensor other = {};
  std::optional<Activation> activation = {};

  at::Tensor operator()(at::Tensor output) const;
};

class Layer {
 public:
  virtual ~Layer() = default;

  at::Tensor forward(const at::Tensor& input, ForwardPass& pass) const;
  // The same and what comes after it.
  at::Tensor forward_with(const at::Tensor& input, const Followers& followers, ForwardPass& pass) const;
  // Keeps the output where a tap wants it; gives what the layers after this one get.
  at::Tensor note(at::Tensor output, ForwardPass& pass) const;

  // What a layer does that is but an activation.
  virtual std::optional<Activation> activation() const { return std::nullopt; }

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
  virtual at::Tensor compute_with(const at::Tensor& input, const Followers& followers,
                                  ForwardPass& pass) const {
    return followers(compute(input, pass));
  }
  virtual Planner::Value describe(Planner::Value input, Planner& planner) const {
    return planner.call(*this, input);
  }
};

}  // namespace mcloss::nn
