#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers that attend to places.
void add_attention_layers(BuilderTable& table);

}  // namespace mcloss::nn
