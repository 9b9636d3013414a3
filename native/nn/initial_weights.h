#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "build_layer.h"

namespace mcloss::nn {

// From -bound to bound. Without a generator the values are left open: a checkpoint is about to be read into
// them.
at::Tensor uniform(at::IntArrayRef shape, double bound, const at::Generator& generator);

void draw_normal(at::Tensor& values, double deviation, const at::Generator& generator);

// A parameter of `construction` named under `path`.
at::Tensor parameter(Construction& construction, const std::string& path, const char* name, at::Tensor value);

}  // namespace mcloss::nn
