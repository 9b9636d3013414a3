#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers with parameters: each registers its tensors under its path and draws its initial weights.
void add_weighted_layers(BuilderTable& table);

}  // namespace mcloss::nn
