#include "weighted_layers.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace mcloss::nn {
namespace {

at::Tensor uniform(at::IntArrayRef shape, double bound, const at::Generator& generator) {
  return at::empty(shape, at::kFloat).uniform_(-bound, bound, generator);
}

class Conv2d final : public Layer {
 public:
  Conv2d(const LayerSpec& spec, const std::string& path, Construction& construction)
      : stride_(spec.pair("stride", {1, 1})),
        padding_(spec.pair("padding", {0, 0})),
        dilation_(spec.pair("dilation", {1, 1})),
        groups_(static_cast<int64_t>(spec.number("groups", 1))) {
    const auto kernel = spec.pair("kernelSize", {});
    const int64_t out = spec.integer("outChannels");
    const int64_t in = spec.integer("inChannels") / groups_;
    const double fan_in = static_cast<double>(in * kernel[0] * kernel[1]);
    const double bound = 1 / std::sqrt(fan_in);
    auto weight = uniform({out, in, kernel[0], kernel[1]}, bound, construction.generator);
    if (construction.initialization == Initialization::kReleased) {
      weight.normal_(0, std::sqrt(2.0 / static_cast<double>(kernel[0] * kernel[1] * out)),
                     construction.generator);
    }
    // Kernels in the layout of channels_last images, which is the faster one on CPU and with tensor cores.
    weight = weight.contiguous(at::MemoryFormat::ChannelsLast);
    weight_ = construction.state.add_parameter(path + ".weight", weight);
    if (!spec.flag("bias", true)) return;
    bias_ = construction.state.add_parameter(path + ".bias", uniform({out}, bound, construction.generator));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    return at::conv2d(input, weight_, bias_, stride_, padding_, dilation_, groups_);
  }

  std::vector<int64_t> stride_, padding_, dilation_;
  int64_t groups_;
  at::Tensor weight_, bias_;
};

class Linear final : public Layer {
 public:
  Linear(const LayerSpec& spec, const std::string& path, Construction& construction) {
    const int64_t in = spec.integer("inFeatures");
    const int64_t out = spec.integer("outFeatures");
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    weight_ =
        construction.state.add_parameter(path + ".weight", uniform({out, in}, bound, construction.generator));
    if (!spec.flag("bias", true)) return;
    bias_ = construction.state.add_parameter(path + ".bias", uniform({out}, bound, construction.generator));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    return at::linear(input, weight_, bias_);
  }

  at::Tensor weight_, bias_;
};

class BatchNorm final : public Layer {
 public:
  BatchNorm(const LayerSpec& spec, const std::string& path, Construction& construction)
      : path_(path), eps_(spec.number("eps", 1e-5)), momentum_(spec.number("momentum", 0.1)) {
    const int64_t features = spec.integer("features");
    State& state = construction.state;
    if (spec.flag("affine", true)) {
      weight_ = state.add_parameter(path + ".weight", at::ones({features}));
      bias_ = state.add_parameter(path + ".bias", at::zeros({features}));
    }
    running_mean_ = state.add_buffer(path + ".running_mean", at::zeros({features}));
    running_var_ = state.add_buffer(path + ".running_var", at::ones({features}));
    batches_tracked_ = state.add_buffer(path + ".num_batches_tracked", at::zeros({}, at::kLong));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    if (pass.training) {
      TORCH_CHECK_VALUE(input.numel() > input.size(1), path_,
                        ": batch normalisation needs more than one value per channel in training, got ",
                        input.sizes(), ". Use a larger batch, or drop the last incomplete one (dropLast)");
      batches_tracked_.add_(1);
    }
    return at::batch_norm(input, weight_, bias_, running_mean_, running_var_, pass.training, momentum_, eps_,
                          true);
  }

  std::string path_;
  double eps_, momentum_;
  at::Tensor weight_, bias_, running_mean_, running_var_, batches_tracked_;
};

class GroupNorm final : public Layer {
 public:
  GroupNorm(const LayerSpec& spec, const std::string& path, Construction& construction)
      : groups_(spec.integer("groups")), eps_(spec.number("eps", 1e-5)) {
    const int64_t features = spec.integer("features");
    weight_ = construction.state.add_parameter(path + ".weight", at::ones({features}));
    bias_ = construction.state.add_parameter(path + ".bias", at::zeros({features}));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    return at::group_norm(input, groups_, weight_, bias_, eps_);
  }

  int64_t groups_;
  double eps_;
  at::Tensor weight_, bias_;
};

}  // namespace

std::unique_ptr<Layer> build_group_norm(const LayerSpec& spec, const std::string& path,
                                        Construction& construction) {
  return std::make_unique<GroupNorm>(spec, path, construction);
}

std::unique_ptr<Layer> build_conv2d(const LayerSpec& spec, const std::string& path,
                                    Construction& construction) {
  return std::make_unique<Conv2d>(spec, path, construction);
}

std::unique_ptr<Layer> build_linear(const LayerSpec& spec, const std::string& path,
                                    Construction& construction) {
  return std::make_unique<Linear>(spec, path, construction);
}

std::unique_ptr<Layer> build_batch_norm(const LayerSpec& spec, const std::string& path,
                                        Construction& construction) {
  return std::make_unique<BatchNorm>(spec, path, construction);
}

}  // namespace mcloss::nn
