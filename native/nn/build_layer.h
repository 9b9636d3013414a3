#pragma once

#include <ATen/core/Generator.h>

#include <map>
#include <memory>
#include <string>

#include "layer.h"
#include "layer_spec.h"
#include "state.h"

namespace mcloss::nn {

enum class Initialization {
  kPyTorch,   // torch.nn's own defaults
  kReleased,  // convolutions normal(0, sqrt(2 / (k * k * out))), as the authors' released code
};

// Where the layers under construction put their tensors and under which names they can be found.
struct Construction {
  State& state;
  std::map<std::string, const Layer*>& names;
  at::Generator generator;
  Initialization initialization;
};

// Builds a layer and those below it; `path` is the layer's dotted name.
std::unique_ptr<Layer> build_layer(const LayerSpec& spec, const std::string& path,
                                   Construction& construction);

// Builds layers that run one after another. A layer without a name is called by its position.
std::vector<std::unique_ptr<Layer>> build_sequence(const std::vector<LayerSpec>& specs,
                                                   const std::string& path, Construction& construction);

}  // namespace mcloss::nn
