#pragma once

#include <functional>
#include <utility>

#include "build_layer.h"

namespace mcloss::nn {

// A layer without parameters.
class Function final : public Layer {
 public:
  using Body = std::function<at::Tensor(const at::Tensor&, const ForwardPass&)>;
  explicit Function(Body body) : body_(std::move(body)) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override { return body_(input, pass); }

  Body body_;
};

inline Builder function(Function::Body (*make)(const LayerSpec&)) {
  return [make](const LayerSpec& spec, const std::string&, Construction&) {
    return std::make_unique<Function>(make(spec));
  };
}

}  // namespace mcloss::nn
