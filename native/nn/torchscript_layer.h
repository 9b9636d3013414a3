#pragma once

#include <stdexcept>

#include "build_layer.h"

namespace mcloss::nn {

// A TorchScript file that cannot be loaded.
class TorchScriptFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A module of torch.jit.script or torch.jit.trace as a layer. Loading one runs code of its author.
void add_torchscript_layer(BuilderTable& table);

}  // namespace mcloss::nn
