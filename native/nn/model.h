#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "build_layer.h"
#include "inference_plan.h"
#include "weights_mark.h"

namespace mcloss::nn {

struct ModelSpec {
  std::vector<LayerSpec> layers;
  std::string features;  // the dotted name of the layer whose output is the features
  Initialization initialization = Initialization::kPyTorch;
};

struct ModelOutput {
  at::Tensor features;  // [N, C, H, W]
  at::Tensor logits;    // [N, K]
  std::vector<at::Tensor> taps = {};
};

// A network built from a spec: layers in sequence with a tap at the features.
class Model {
 public:
  // Without a seed the weights have no values yet.
  Model(const ModelSpec& spec, std::optional<uint64_t> seed);

  // Images of another floating-point type than the parameters' are converted. `taps` are names that exist.
  // `change`, where it is there, makes other features, which are what is read after them and what is given.
  ModelOutput forward(const at::Tensor& images, bool training, const std::vector<std::string>& taps = {},
                      const std::function<at::Tensor(const at::Tensor&)>& change = {}) const;

  // The same in evaluation mode, without gradients and further taps, by a plan that is made at the first call
  // and again after the weights have changed. Floating-point numbers differ from forward()'s in their last
  // digits.
  ModelOutput infer(const at::Tensor& images, bool use_packed = true) const;

  // Frees what infer() has kept: where the weights change in ways that they do not count, or will change
  // often.
  void leave_inference() const { plans_.clear(); }

  // Whether something whose output can be tapped has this name.
  bool contains(const std::string& name) const { return locate(name).layer != nullptr; }

  // From now on batch normalisation takes the batches of the group's processes for one in training; null ends
  // that.
  void set_batch_norm_group(std::shared_ptr<distributed::ProcessGroup> group) {
    batch_norm_group_ = std::move(group);
  }

  State& state() { return state_; }
  const State& state() const { return state_; }

 private:
  struct Plan {
    at::ScalarType dtype;
    c10::Device device;
    bool use_packed;
    std::unique_ptr<InferencePlan> steps;  // null where it would answer otherwise than the network
    bool is_checked = false;
  };

  Tap locate(const std::string& name) const;
  // Packs what is packed by the first pass, too.
  void check(Plan& plan, const at::Tensor& image) const;
  Plan& plan_for(at::ScalarType dtype, c10::Device device, bool use_packed) const;

  State state_;
  std::map<std::string, const Layer*> names_;
  std::vector<std::unique_ptr<Layer>> layers_;
  Tap features_;
  std::shared_ptr<distributed::ProcessGroup> batch_norm_group_;
  mutable std::vector<Plan> plans_;
  mutable std::optional<WeightsMark> planned_;  // the weights of the plans
};

}  // namespace mcloss::nn
