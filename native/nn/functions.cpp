#include "functions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/feature_dropout.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include "function_layer.h"

namespace mcloss::nn {
namespace {

// An operator that takes the tensor alone.
template <at::Tensor (*kOperator)(const at::Tensor&)>
Function::Body plain(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return kOperator(x); };
}

at::Tensor gelu(const at::Tensor& x) {
  return at::gelu(x);
}

Function::Body leaky_relu(const LayerSpec& spec) {
  return [slope = spec.number("negativeSlope", 0.01)](const at::Tensor& x, const ForwardPass&) {
    return at::leaky_relu(x, slope);
  };
}

Function::Body elu(const LayerSpec& spec) {
  return [alpha = spec.number("alpha", 1)](const at::Tensor& x, const ForwardPass&) {
    return at::elu(x, alpha);
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

Function::Body flatten(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return x.flatten(1); };
}

Function::Body identity(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return x; };
}

}  // namespace

void add_functions(BuilderTable& table) {
  table["relu"] = function(plain<at::relu>);
  table["relu6"] = function(plain<at::relu6>);
  table["silu"] = function(plain<at::silu>);
  table["gelu"] = function(plain<gelu>);
  table["sigmoid"] = function(plain<at::sigmoid>);
  table["tanh"] = function(plain<at::tanh>);
  table["hardswish"] = function(plain<at::hardswish>);
  table["hardsigmoid"] = function(plain<at::hardsigmoid>);
  table["leakyRelu"] = function(leaky_relu);
  table["elu"] = function(elu);
  table["dropout"] = function(dropout);
  table["dropout2d"] = function(dropout2d);
  table["stochasticDepth"] = function(stochastic_depth);
  table["flatten"] = function(flatten);
  table["identity"] = function(identity);
}

}  // namespace mcloss::nn
