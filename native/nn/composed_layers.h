#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers that are made of layers.
void add_composed_layers(BuilderTable& table);

}  // namespace mcloss::nn
