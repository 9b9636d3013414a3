#pragma once

#include <memory>
#include <string>
#include <vector>

#include "build_layer.h"

namespace mcloss::nn {

struct ModelSpec {
  std::vector<LayerSpec> layers;
  std::string features;  // the dotted name of the layer whose output is the features
  Initialization initialization = Initialization::kPyTorch;
};

struct ModelOutput {
  at::Tensor features;  // [N, C, H, W]
  at::Tensor logits;    // [N, K]
};

// A network built from a spec: layers in sequence with a tap at the features.
class Model {
 public:
  Model(const ModelSpec& spec, uint64_t seed);

  ModelOutput forward(const at::Tensor& images, bool training) const;

  State& state() { return state_; }
  const State& state() const { return state_; }

 private:
  State state_;
  std::vector<std::unique_ptr<Layer>> layers_;
  const Layer* tapped_layer_ = nullptr;
};

}  // namespace mcloss::nn
