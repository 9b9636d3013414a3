#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers that make an image tokens, and tokens an image.
void add_token_layers(BuilderTable& table);

}  // namespace mcloss::nn
