#include "token_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "function_layer.h"
#include "initial_weights.h"

namespace mcloss::nn {
namespace {

// Tokens are an image of one column, [N, C, L, 1].

// The places of an image, and before them a token that is learned (ViT).
class ClassToken final : public Layer {
 public:
  ClassToken(const LayerSpec& spec, const std::string& path, Construction& construction)
      : token_(parameter(construction, path, "", at::zeros({1, 1, spec.integer("features")}))) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    const auto places = input.flatten(2).transpose(1, 2);
    const auto tokens = at::cat({token_.expand({input.size(0), -1, -1}), places}, 1);
    return tokens.transpose(1, 2).unsqueeze(3);
  }

  at::Tensor token_;  // [1, 1, C]
};

class PositionEmbedding final : public Layer {
 public:
  PositionEmbedding(const LayerSpec& spec, const std::string& path, Construction& construction) {
    auto start = at::empty({1, spec.integer("tokens"), spec.integer("features")}, at::kFloat);
    draw_normal(start, spec.number("weightStd", 0.02), construction.generator);
    embedding_ = parameter(construction, path, "", start);
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    return input + embedding_.transpose(1, 2).unsqueeze(3);
  }

  at::Tensor embedding_;  // [1, L, C]
};

Function::Body drop_class_token(const LayerSpec& spec) {
  return [height = spec.integer("height"), width = spec.integer("width")](const at::Tensor& x,
                                                                          const ForwardPass&) {
    return x.slice(2, 1).reshape({x.size(0), x.size(1), height, width});
  };
}

Function::Body take_class_token(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) { return x.select(2, 0).flatten(1); };
}

// torchvision's PatchMerging of Swin, before its normalisation.
Function::Body space_to_depth(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) {
    const auto even = at::constant_pad_nd(x, {0, x.size(3) % 2, 0, x.size(2) % 2});
    const auto part = [&](int64_t row, int64_t column) {
      return even.slice(2, row, std::nullopt, 2).slice(3, column, std::nullopt, 2);
    };
    return at::cat({part(0, 0), part(1, 0), part(0, 1), part(1, 1)}, 1);
  };
}

}  // namespace

void add_token_layers(BuilderTable& table) {
  table["classToken"] = layer_of<ClassToken>();
  table["positionEmbedding"] = layer_of<PositionEmbedding>();
  table["dropClassToken"] = function(drop_class_token);
  table["takeClassToken"] = function(take_class_token);
  table["spaceToDepth"] = function(space_to_depth);
}

}  // namespace mcloss::nn
