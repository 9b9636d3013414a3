#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers with parameters: each registers its tensors under `path` and draws its initial weights.
std::unique_ptr<Layer> build_conv2d(const LayerSpec& spec, const std::string& path,
                                    Construction& construction);
std::unique_ptr<Layer> build_linear(const LayerSpec& spec, const std::string& path,
                                    Construction& construction);
std::unique_ptr<Layer> build_batch_norm(const LayerSpec& spec, const std::string& path,
                                        Construction& construction);
std::unique_ptr<Layer> build_group_norm(const LayerSpec& spec, const std::string& path,
                                        Construction& construction);

}  // namespace mcloss::nn
