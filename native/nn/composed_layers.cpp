#include "composed_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <span>

namespace mcloss::nn {
namespace {

class Sequence final : public Layer {
 public:
  Sequence(const LayerSpec& spec, const std::string& path, Construction& construction)
      : layers_(build_sequence(spec.layers, path_inside(spec, path), construction)) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    return forward_all(layers_, input, pass);
  }

  at::Tensor compute_with(const at::Tensor& input, const Followers& followers,
                          ForwardPass& pass) const override {
    if (layers_.empty()) return followers(input);
    const auto all_but_last = std::span(layers_).first(layers_.size() - 1);
    return layers_.back()->forward_with(forward_all(all_but_last, input, pass), followers, pass);
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    for (const auto& layer : layers_) input = layer->plan(input, planner);
    return input;
  }

  std::vector<std::unique_ptr<Layer>> layers_;
};

// activation(body(x) + shortcut(x)), He et al. 2016.
class Residual final : public Layer {
 public:
  Residual(const LayerSpec& spec, const std::string& path, Construction& construction)
      : body_(spec, path, construction), relu_(spec.text("activation", "relu") == "relu") {
    if (spec.shortcut.empty()) return;
    const LayerSpec& shortcut = spec.shortcut.front();
    const std::string name = shortcut.name.value_or("downsample");
    shortcut_ = build_layer(shortcut, join_names(path_inside(spec, path), name), construction);
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    const auto skipped = shortcut_ ? shortcut_->forward(input, pass) : input;
    Followers followers{skipped};
    if (relu_) followers.activation = Activation{ActivationKind::kRelu};
    return body_.forward_with(input, followers, pass);
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    const auto skipped = shortcut_ ? shortcut_->plan(input, planner) : input;
    const auto sum = planner.add(Planner::Sum{}, {body_.plan(input, planner), skipped});
    return relu_ ? planner.add(Activation{ActivationKind::kRelu}, {sum}) : sum;
  }

  Sequence body_;
  std::unique_ptr<Layer> shortcut_;
  bool relu_;
};

// Gives its input as it is; what its layers make of it is for taps.
class Aside final : public Layer {
 public:
  Aside(const LayerSpec& spec, const std::string& path, Construction& construction)
      : layers_(spec, path, construction) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    layers_.forward(input, pass);
    return input;
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    layers_.plan(input, planner);
    return input;
  }

  Sequence layers_;
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

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    std::vector<Planner::Value> outputs;
    for (const auto& branch : branches_) outputs.push_back(branch->plan(input, planner));
    return planner.add(Planner::Concatenation{}, std::move(outputs));
  }

  std::vector<std::unique_ptr<Layer>> branches_;
};

// x and body(x) side by side, Huang et al. 2017.
class DenseConnection final : public Layer {
 public:
  DenseConnection(const LayerSpec& spec, const std::string& path, Construction& construction)
      : body_(spec, path, construction) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    return at::cat({input, body_.forward(input, pass)}, 1);
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    return planner.add(Planner::Concatenation{}, {input, body_.plan(input, planner)});
  }

  Sequence body_;
};

// x * body(x): squeeze-and-excitation, Hu et al. 2018.
class Scale final : public Layer {
 public:
  Scale(const LayerSpec& spec, const std::string& path, Construction& construction)
      : factors_(spec, path, construction) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    return input * factors_.forward(input, pass);
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    return planner.add(Planner::Product{}, {input, factors_.plan(input, planner)});
  }

  Sequence factors_;
};

}  // namespace

void add_composed_layers(BuilderTable& table) {
  table["sequential"] = layer_of<Sequence>();
  table["residual"] = layer_of<Residual>();
  table["aside"] = layer_of<Aside>();
  table["concat"] = layer_of<Concat>();
  table["denseConnection"] = layer_of<DenseConnection>();
  table["scale"] = layer_of<Scale>();
}

}  // namespace mcloss::nn
