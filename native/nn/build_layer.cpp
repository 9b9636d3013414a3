#include "build_layer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include <functional>
#include <utility>

#include "weighted_layers.h"

namespace mcloss::nn {
namespace {

// A layer without parameters: one ATen call.
class Function final : public Layer {
 public:
  using Body = std::function<at::Tensor(const at::Tensor&, const ForwardPass&)>;
  explicit Function(Body body) : body_(std::move(body)) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override { return body_(input, pass); }

  Body body_;
};

class Sequence final : public Layer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Layer>> layers) : layers_(std::move(layers)) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    at::Tensor output = input;
    for (const auto& layer : layers_) output = layer->forward(output, pass);
    return output;
  }

  std::vector<std::unique_ptr<Layer>> layers_;
};

// activation(body(x) + shortcut(x)), He et al. 2016.
class Residual final : public Layer {
 public:
  Residual(const LayerSpec& spec, const std::string& path, Construction& construction)
      : body_(build_sequence(spec.layers, path, construction)),
        relu_(spec.text("activation", "relu") == "relu") {
    if (spec.shortcut.empty()) return;
    const LayerSpec& shortcut = spec.shortcut.front();
    const std::string name = shortcut.name.empty() ? "downsample" : shortcut.name;
    shortcut_ = build_layer(shortcut, path + "." + name, construction);
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    const auto skipped = shortcut_ ? shortcut_->forward(input, pass) : input;
    auto sum = body_.forward(input, pass) + skipped;
    return relu_ ? at::relu_(sum) : sum;
  }

  Sequence body_;
  std::unique_ptr<Layer> shortcut_;
  bool relu_;
};

// Every branch on the same input, side by side as channels.
class Concat final : public Layer {
 public:
  Concat(const LayerSpec& spec, const std::string& path, Construction& construction)
      : branches_(build_sequence(spec.branches, path, construction)) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    std::vector<at::Tensor> outputs;
    for (const auto& branch : branches_) outputs.push_back(branch->forward(input, pass));
    return at::cat(outputs, 1);
  }

  std::vector<std::unique_ptr<Layer>> branches_;
};

// x * layers(x): squeeze-and-excitation, Hu et al. 2018.
class Scale final : public Layer {
 public:
  Scale(const LayerSpec& spec, const std::string& path, Construction& construction)
      : factors_(build_sequence(spec.layers, path, construction)) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    return input * factors_.forward(input, pass);
  }

  Sequence factors_;
};

using Builder = std::function<std::unique_ptr<Layer>(const LayerSpec&, const std::string&, Construction&)>;

// A builder for layers that need only their spec.
Builder function(Function::Body (*make)(const LayerSpec&)) {
  return [make](const LayerSpec& spec, const std::string&, Construction&) {
    return std::make_unique<Function>(make(spec));
  };
}

// An operator that takes the tensor alone.
template <at::Tensor (*kOperator)(const at::Tensor&)>
Function::Body plain(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return kOperator(x); };
}

at::Tensor gelu(const at::Tensor& x) {
  return at::gelu(x);
}

// B-CNN (Lin et al. 2015): mean outer product, signed square root, L2 normalisation.
at::Tensor bilinear_pool(const at::Tensor& x) {
  const auto places = x.flatten(2);
  const auto product = at::bmm(places, places.transpose(1, 2)).flatten(1) / places.size(2);
  // The root's slope is infinite at 0; torch.sqrt(|x| + eps) is what implementations take.
  const auto rooted = product.sign() * (product.abs() + 1e-10).sqrt();
  return rooted / rooted.norm(2, {1}, true).clamp_min(1e-12);
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

Function::Body flatten(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return x.flatten(1); };
}

Function::Body identity(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return x; };
}

struct Window {
  std::vector<int64_t> kernel, stride, padding;
};

Window window_of(const LayerSpec& spec) {
  const auto kernel = spec.pair("kernelSize", {});
  return {kernel, spec.pair("stride", kernel), spec.pair("padding", {0, 0})};
}

Function::Body max_pool(const LayerSpec& spec) {
  return [window = window_of(spec)](const at::Tensor& x, const ForwardPass&) {
    return at::max_pool2d(x, window.kernel, window.stride, window.padding);
  };
}

Function::Body avg_pool(const LayerSpec& spec) {
  return [window = window_of(spec)](const at::Tensor& x, const ForwardPass&) {
    return at::avg_pool2d(x, window.kernel, window.stride, window.padding);
  };
}

Function::Body adaptive_avg_pool(const LayerSpec& spec) {
  return [size = spec.pair("outputSize", {1, 1})](const at::Tensor& x, const ForwardPass&) {
    return at::adaptive_avg_pool2d(x, size);
  };
}

Function::Body adaptive_max_pool(const LayerSpec& spec) {
  return [size = spec.pair("outputSize", {1, 1})](const at::Tensor& x, const ForwardPass&) {
    return std::get<0>(at::adaptive_max_pool2d(x, size));
  };
}

const std::map<std::string, Builder>& builders() {
  static const std::map<std::string, Builder> table{
      {"conv2d", build_conv2d},
      {"linear", build_linear},
      {"batchNorm1d", build_batch_norm},
      {"batchNorm2d", build_batch_norm},
      {"groupNorm", build_group_norm},
      {"relu", function(plain<at::relu>)},
      {"relu6", function(plain<at::relu6>)},
      {"silu", function(plain<at::silu>)},
      {"gelu", function(plain<gelu>)},
      {"sigmoid", function(plain<at::sigmoid>)},
      {"tanh", function(plain<at::tanh>)},
      {"hardswish", function(plain<at::hardswish>)},
      {"hardsigmoid", function(plain<at::hardsigmoid>)},
      {"bilinearPool", function(plain<bilinear_pool>)},
      {"leakyRelu", function(leaky_relu)},
      {"elu", function(elu)},
      {"dropout", function(dropout)},
      {"flatten", function(flatten)},
      {"identity", function(identity)},
      {"maxPool2d", function(max_pool)},
      {"avgPool2d", function(avg_pool)},
      {"adaptiveAvgPool2d", function(adaptive_avg_pool)},
      {"adaptiveMaxPool2d", function(adaptive_max_pool)},
      {"sequential",
       [](const LayerSpec& spec, const std::string& path, Construction& construction) {
         return std::make_unique<Sequence>(build_sequence(spec.layers, path, construction));
       }},
      {"residual",
       [](const LayerSpec& spec, const std::string& path, Construction& construction) {
         return std::make_unique<Residual>(spec, path, construction);
       }},
      {"concat",
       [](const LayerSpec& spec, const std::string& path, Construction& construction) {
         return std::make_unique<Concat>(spec, path, construction);
       }},
      {"scale", [](const LayerSpec& spec, const std::string& path,
                   Construction& construction) { return std::make_unique<Scale>(spec, path, construction); }},
  };
  return table;
}

}  // namespace

std::unique_ptr<Layer> build_layer(const LayerSpec& spec, const std::string& path,
                                   Construction& construction) {
  const auto builder = builders().find(spec.type);
  TORCH_CHECK_VALUE(builder != builders().end(), path, ": unknown layer type \"", spec.type, "\"");
  auto layer = builder->second(spec, path, construction);
  construction.names[path] = layer.get();
  return layer;
}

std::vector<std::unique_ptr<Layer>> build_sequence(const std::vector<LayerSpec>& specs,
                                                   const std::string& path, Construction& construction) {
  std::vector<std::unique_ptr<Layer>> layers;
  for (const auto& spec : specs) {
    const std::string name = spec.name.empty() ? std::to_string(layers.size()) : spec.name;
    layers.push_back(build_layer(spec, path.empty() ? name : path + "." + name, construction));
  }
  return layers;
}

}  // namespace mcloss::nn
