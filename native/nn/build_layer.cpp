#include "build_layer.h"

#include "attention_layers.h"
#include "composed_layers.h"
#include "functions.h"
#include "pooling_layers.h"
#include "token_layers.h"
#include "torchscript_layer.h"
#include "weighted_layers.h"

namespace mcloss::nn {
namespace {

const BuilderTable& builders() {
  static const BuilderTable table = [] {
    BuilderTable all;
    add_weighted_layers(all);
    add_functions(all);
    add_pooling_layers(all);
    add_composed_layers(all);
    add_attention_layers(all);
    add_token_layers(all);
    add_torchscript_layer(all);
    return all;
  }();
  return table;
}

}  // namespace

std::unique_ptr<Layer> build_layer(const LayerSpec& spec, const std::string& path,
                                   Construction& construction) {
  const auto builder = builders().find(spec.type);
  TORCH_CHECK_VALUE(builder != builders().end(), path, ": unknown layer type \"", spec.type, "\"");
  auto layer = builder->second(spec, path, construction);
  construction.names[path] = layer.get();
  return layer;
}

std::vector<std::unique_ptr<Layer>> build_sequence(const std::vector<LayerSpec>& specs,
                                                   const std::string& path, Construction& construction) {
  std::vector<std::unique_ptr<Layer>> layers;
  for (const auto& spec : specs) {
    const std::string name = spec.name.value_or(std::to_string(layers.size()));
    layers.push_back(build_layer(spec, join_names(path, name), construction));
  }
  return layers;
}

at::Tensor forward_all(std::span<const std::unique_ptr<Layer>> layers, const at::Tensor& input,
                       ForwardPass& pass) {
  at::Tensor output = input;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto* next = i + 1 < layers.size() ? layers[i + 1].get() : nullptr;
    const auto activation = next ? next->activation() : std::nullopt;
    if (!activation) {
      output = layers[i]->forward(output, pass);
      continue;
    }
    output = next->note(layers[i]->forward_with(output, {{}, activation}, pass), pass);
    ++i;
  }
  return output;
}

std::string path_inside(const LayerSpec& spec, const std::string& path) {
  if (!spec.flag("inline", false)) return path;
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string join_names(const std::string& path, const std::string& name) {
  if (path.empty()) return name;
  return name.empty() ? path : path + "." + name;
}

}  // namespace mcloss::nn
