#pragma once

#include "build_layer.h"

namespace mcloss::nn {

// Layers without parameters that keep the image's size: activations, dropout and the like.
void add_functions(BuilderTable& table);

}  // namespace mcloss::nn
