#include "initial_weights.h"

#include <ATen/ops/empty.h>

#include <utility>

namespace mcloss::nn {

at::Tensor uniform(at::IntArrayRef shape, double bound, const at::Generator& generator) {
  const auto values = at::empty(shape, at::kFloat);
  return generator.defined() ? values.uniform_(-bound, bound, generator) : values;
}

void draw_normal(at::Tensor& values, double deviation, const at::Generator& generator) {
  if (generator.defined()) values.normal_(0, deviation, generator);
}

at::Tensor parameter(Construction& construction, const std::string& path, const char* name,
                     at::Tensor value) {
  return construction.state.add_parameter(join_names(path, name), std::move(value)).tensor;
}

}  // namespace mcloss::nn
