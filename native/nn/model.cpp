#include "model.h"

#include <ATen/CPUGeneratorImpl.h>

namespace mcloss::nn {

Model::Model(const ModelSpec& spec, uint64_t seed) {
  std::map<std::string, const Layer*> names;
  Construction construction{state_, names, at::make_generator<at::CPUGeneratorImpl>(seed),
                            spec.initialization};
  layers_ = build_sequence(spec.layers, "", construction);
  const auto tapped = names.find(spec.features);
  TORCH_CHECK_VALUE(tapped != names.end(), "features names no layer: \"", spec.features, "\"");
  tapped_layer_ = tapped->second;
}

ModelOutput Model::forward(const at::Tensor& images, bool training) const {
  ForwardPass pass{training, tapped_layer_};
  at::Tensor output = images;
  for (const auto& layer : layers_) output = layer->forward(output, pass);
  return {pass.features, output};
}

}  // namespace mcloss::nn
