#pragma once

#include <ATen/core/Generator.h>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "layer.h"
#include "layer_spec.h"
#include "state.h"

namespace mcloss::nn {

// How convolutions start; see ModelSpec.init in lib/models/spec.ts.
enum class Initialization { kPyTorch, kReleased, kTorchvision };

// Where the layers under construction put their tensors and under which names they can be found.
struct Construction {
  State& state;
  std::map<std::string, const Layer*>& names;
  at::Generator generator;  // undefined where the weights are about to be loaded, and need no values
  Initialization initialization;
};

// Makes the layer that a spec describes; the string is the layer's dotted name.
using Builder = std::function<std::unique_ptr<Layer>(const LayerSpec&, const std::string&, Construction&)>;
// Builders by layer type.
using BuilderTable = std::map<std::string, Builder>;

// Builds a layer and those below it; `path` is the layer's dotted name.
std::unique_ptr<Layer> build_layer(const LayerSpec& spec, const std::string& path,
                                   Construction& construction);

// Builds layers that run one after another. A layer without a name is called by its position.
std::vector<std::unique_ptr<Layer>> build_sequence(const std::vector<LayerSpec>& specs,
                                                   const std::string& path, Construction& construction);

// Runs layers one after another.
at::Tensor forward_all(std::span<const std::unique_ptr<Layer>> layers, const at::Tensor& input,
                       ForwardPass& pass);

// What stands before the names of the layers inside one named `path`: its own name, unless it says "inline".
std::string path_inside(const LayerSpec& spec, const std::string& path);

// Joins the parts of a dotted name. An empty part adds nothing.
std::string join_names(const std::string& path, const std::string& name);

// A builder of layers that need nothing but their spec, path and construction.
template <class T>
Builder layer_of() {
  return [](const LayerSpec& spec, const std::string& path, Construction& construction) {
    return std::make_unique<T>(spec, path, construction);
  };
}

}  // namespace mcloss::nn
