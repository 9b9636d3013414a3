#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers that pool over places.
void add_pooling_layers(BuilderTable& table);

}  // namespace mcloss::nn
