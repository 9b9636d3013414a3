#pragma once

#include <functional>
#include <utility>

#include "build_layer.h"

namespace mcloss::nn {

// A layer without parameters.
class Function final : public Layer {
 public:
  using Body = std::function<at::Tensor(const at::Tensor&, const ForwardPass&)>;
  // What it gives in evaluation mode: a new tensor, its input as it is, or what may be a view of it.
  enum class Gives : uint8_t { kNew, kInput, kAny };
  Function(Body body, Gives gives) : body_(std::move(body)), gives_(gives) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override { return body_(input, pass); }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    if (gives_ == Gives::kInput) return input;
    return planner.call(*this, input,
                        gives_ == Gives::kNew ? Planner::Result::kNew : Planner::Result::kMayShareInput);
  }

  Body body_;
  Gives gives_;
};

inline Builder function(Function::Body (*make)(const LayerSpec&),
                        Function::Gives gives = Function::Gives::kAny) {
  return [make, gives](const LayerSpec& spec, const std::string&, Construction&) {
    return std::make_unique<Function>(make(spec), gives);
  };
}

}  // namespace mcloss::nn
