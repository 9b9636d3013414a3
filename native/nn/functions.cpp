#include "functions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/feature_dropout.h>

#include "activation.h"
#include "function_layer.h"

namespace mcloss::nn {
namespace {

class ActivationLayer final : public Layer {
 public:
  explicit ActivationLayer(Activation activation) : activation_(activation) {}

  std::optional<Activation> activation() const override { return activation_; }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override { return activation_(input); }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    return planner.add(activation_, {input});
  }

  Activation activation_;
};

// `parameter` is the name of the option that the activation has, and what it is by default.
Builder activation(ActivationKind kind, const char* parameter = "", double fallback = 0) {
  return [=](const LayerSpec& spec, const std::string&, Construction&) {
    return std::make_unique<ActivationLayer>(Activation{kind, spec.number(parameter, fallback)});
  };
}

Function::Body dropout(const LayerSpec& spec) {
  return [p = spec.number("p", 0.5)](const at::Tensor& x, const ForwardPass& pass) {
    return at::dropout(x, p, pass.training);
  };
}

Function::Body dropout2d(const LayerSpec& spec) {
  return [p = spec.number("p", 0.5)](const at::Tensor& x, const ForwardPass& pass) {
    return at::feature_dropout(x, p, pass.training);
  };
}

// torchvision.ops.StochasticDepth with mode "row" (each sample by itself) or "batch".
Function::Body stochastic_depth(const LayerSpec& spec) {
  const bool by_sample = spec.text("mode", "row") == "row";
  return [by_sample, survival = 1 - spec.number("p", 0)](const at::Tensor& x, const ForwardPass& pass) {
    if (!pass.training || survival == 1) return x;
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
    if (by_sample) shape[0] = x.size(0);
    auto kept = at::empty(shape, x.options()).bernoulli_(survival);
    if (survival > 0) kept.div_(survival);
    return x * kept;
  };
}

class Flatten final : public Layer {
 public:
  Flatten(const LayerSpec&, const std::string&, Construction&) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override { return input.flatten(1); }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    return planner.add(Planner::Flatten{}, {input});
  }
};

Function::Body identity(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return x; };
}

}  // namespace

void add_functions(BuilderTable& table) {
  table["relu"] = activation(ActivationKind::kRelu);
  table["relu6"] = activation(ActivationKind::kRelu6);
  table["silu"] = activation(ActivationKind::kSilu);
  table["gelu"] = activation(ActivationKind::kGelu);
  table["sigmoid"] = activation(ActivationKind::kSigmoid);
  table["tanh"] = activation(ActivationKind::kTanh);
  table["hardswish"] = activation(ActivationKind::kHardswish);
  table["hardsigmoid"] = activation(ActivationKind::kHardsigmoid);
  table["leakyRelu"] = activation(ActivationKind::kLeakyRelu, "negativeSlope", 0.01);
  table["elu"] = activation(ActivationKind::kElu, "alpha", 1);
  table["dropout"] = function(dropout, Function::Gives::kInput);
  table["dropout2d"] = function(dropout2d, Function::Gives::kInput);
  table["stochasticDepth"] = function(stochastic_depth, Function::Gives::kInput);
  table["flatten"] = layer_of<Flatten>();
  table["identity"] = function(identity, Function::Gives::kInput);
}

}  // namespace mcloss::nn
