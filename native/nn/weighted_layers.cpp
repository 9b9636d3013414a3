#include "weighted_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/prelu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>

#include "../distributed/sync_batch_norm.h"
#include "../ops/batch_norm.h"
#include "initial_weights.h"
#include "pointwise_convolution.h"

namespace mcloss::nn {
namespace {

// In the layout of channels_last images, which is the faster one on CPU and with tensor cores.
at::Tensor make_kernels(at::IntArrayRef shape, double bound, const Construction& construction) {
  const auto& generator = construction.generator;
  if (!generator.defined()) return at::empty(shape, at::kFloat, at::MemoryFormat::ChannelsLast);
  auto kernels = uniform(shape, bound, generator);
  if (construction.initialization != Initialization::kPyTorch) {
    const auto fan_out = static_cast<double>(shape[0] * shape[2] * shape[3]);
    draw_normal(kernels, std::sqrt(2 / fan_out), generator);
  }
  return kernels.contiguous(at::MemoryFormat::ChannelsLast);
}

// oneDNN's backward pass of a strided 1×1 convolution writes outside its memory where fewer channels come in
// than AVX-512 has floats in a register, and the threads do not share the batch evenly.
constexpr int64_t kSafeChannels = 16;

class Conv2d final : public Layer {
 public:
  Conv2d(const LayerSpec& spec, const std::string& path, Construction& construction)
      : stride_(spec.pair("stride", {1, 1})),
        dilation_(spec.pair("dilation", {1, 1})),
        groups_(static_cast<int64_t>(spec.number("groups", 1))) {
    if (spec.is_text("padding")) {
      named_padding_ = spec.text("padding", "");
    } else {
      padding_ = spec.pair("padding", {0, 0});
    }
    const auto kernel = spec.pair("kernelSize", {});
    const int64_t out = spec.integer("outChannels");
    const int64_t in = spec.integer("inChannels") / groups_;
    using Pair = std::vector<int64_t>;
    const bool padded = named_padding_.empty() ? padding_ != Pair{0, 0} : named_padding_ == "same";
    const bool is_pointwise = groups_ == 1 && kernel == Pair{1, 1} && !padded;
    picks_places_ = is_pointwise && in < kSafeChannels && stride_ != Pair{1, 1};
    is_pointwise_ = is_pointwise && !spec.flag("bias", true);
    const double bound = 1 / std::sqrt(static_cast<double>(in * kernel[0] * kernel[1]));
    auto kernels = make_kernels({out, in, kernel[0], kernel[1]}, bound, construction);
    const double std = spec.number("weightStd", 0);
    if (std > 0) draw_normal(kernels, std, construction.generator);
    weight_ = parameter(construction, path, "weight", kernels);
    if (!spec.flag("bias", true)) return;
    const bool zero_bias = std > 0 || construction.initialization == Initialization::kTorchvision;
    bias_ = parameter(construction, path, "bias",
                      zero_bias ? at::zeros({out}) : uniform({out}, bound, construction.generator));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    if (picks_places_ && input.is_cpu()) {
      const auto rows = input.slice(2, std::nullopt, std::nullopt, stride_[0]);
      const auto places = rows.slice(3, std::nullopt, std::nullopt, stride_[1]);
      return at::conv2d(places, weight_, bias_);
    }
    if (is_pointwise_ && suits_pointwise_convolution(input, weight_)) {
      return pointwise_convolution(input, weight_, stride_);
    }
    if (named_padding_.empty()) {
      return at::conv2d(input, weight_, bias_, stride_, padding_, dilation_, groups_);
    }
    return at::conv2d(input, weight_, bias_, stride_, named_padding_, dilation_, groups_);
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    std::vector<int64_t> padding = padding_;
    if (named_padding_ == "valid") padding = {0, 0};
    if (named_padding_ == "same") {
      padding.clear();
      for (const size_t axis : {0, 1}) {
        const int64_t all = dilation_[axis] * (weight_.size(static_cast<int64_t>(axis) + 2) - 1);
        // More on one side than on the other.
        if (all % 2 != 0) return planner.call(*this, input, Planner::Result::kNew);
        padding.push_back(all / 2);
      }
    }
    return planner.add(Planner::Convolution{weight_, bias_, {stride_, padding, dilation_, groups_}}, {input});
  }

  std::vector<int64_t> stride_, padding_, dilation_;
  std::string named_padding_;  // "same" or "valid", in place of padding_
  int64_t groups_;
  bool is_pointwise_;  // 1×1, on unpadded images, without a bias
  bool picks_places_;  // that it looks at, for a convolution of stride 1
  at::Tensor weight_, bias_;
};

class Linear final : public Layer {
 public:
  Linear(const LayerSpec& spec, const std::string& path, Construction& construction) {
    const int64_t in = spec.integer("inFeatures");
    const int64_t out = spec.integer("outFeatures");
    const double std = spec.number("weightStd", 0);
    const bool bounded = spec.has("weightBound");
    const double usual = 1 / std::sqrt(static_cast<double>(in));
    const double bound = spec.number("weightBound", usual);
    auto weight = uniform({out, in}, bound, construction.generator);
    if (std > 0) draw_normal(weight, std, construction.generator);
    weight_ = parameter(construction, path, "weight", weight);
    if (!spec.flag("bias", true)) return;
    bias_ = parameter(construction, path, "bias",
                      std > 0 || bounded ? at::zeros({out}) : uniform({out}, usual, construction.generator));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    if (input.dim() != 4) return at::linear(input, weight_, bias_);
    // The channels of each place.
    return at::linear(input.permute({0, 2, 3, 1}), weight_, bias_).permute({0, 3, 1, 2});
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    return planner.add(Planner::Linear{weight_, bias_}, {input});
  }

  at::Tensor weight_, bias_;
};

at::Tensor directions_of(const at::Tensor& rows) {
  constexpr double kLeastLengthOfRow = 1e-12;
  return rows / rows.norm(2, {1}, /*keepdim=*/true).clamp_min(kLeastLengthOfRow);
}

class CosineLinear final : public Layer {
 public:
  CosineLinear(const LayerSpec& spec, const std::string& path, Construction& construction)
      : scale_(spec.number("scale", 64)) {
    const int64_t in = spec.integer("inFeatures");
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    weight_ = parameter(construction, path, "weight",
                        uniform({spec.integer("outFeatures"), in}, bound, construction.generator));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    // Of 8 bits a cosine times the scale would keep none behind the point.
    const c10::impl::ExcludeDispatchKeyGuard without_autocast(
        at::autocast::get_autocast_dispatch_key_from_device_type(input.device().type()));
    return at::linear(directions_of(input.to(weight_.scalar_type())), directions_of(weight_)) * scale_;
  }

  double scale_;
  at::Tensor weight_;
};

// A weight of ones and a bias of zeros, with which normalisations start.
struct Affine {
  Affine(const LayerSpec& spec, const std::string& path, Construction& construction) {
    if (!spec.flag("affine", true)) return;
    const int64_t features = spec.integer("features");
    weight = parameter(construction, path, "weight", at::ones({features}));
    bias = parameter(construction, path, "bias", at::zeros({features}));
  }

  at::Tensor weight, bias;
};

class BatchNorm final : public Layer {
 public:
  BatchNorm(const LayerSpec& spec, const std::string& path, Construction& construction)
      : path_(path),
        eps_(spec.number("eps", 1e-5)),
        momentum_(spec.number("momentum", 0.1)),
        affine_(spec, path, construction),
        mean_(buffer(construction, "running_mean", at::zeros({spec.integer("features")}))),
        variance_(buffer(construction, "running_var", at::ones({spec.integer("features")}))),
        batches_(buffer(construction, "num_batches_tracked", at::zeros({}, at::kLong))) {}

 private:
  const NamedTensor& buffer(Construction& construction, const char* name, at::Tensor value) const {
    return construction.state.add_buffer(join_names(path_, name), std::move(value));
  }

  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    return compute_with(input, {}, pass);
  }

  at::Tensor compute_with(const at::Tensor& input, const Followers& followers,
                          ForwardPass& pass) const override {
    const bool training = pass.training && !mean_.frozen && !variance_.frozen;
    if (training) {
      const int64_t batches = pass.batch_norm_group ? pass.batch_norm_group->size() : 1;
      TORCH_CHECK_VALUE(batches * input.numel() > input.size(1), path_,
                        ": batch normalisation needs more than one value per channel in training, got ",
                        input.sizes(), ". Use a larger batch, or drop the last incomplete one (dropLast)");
      batches_.tensor.add_(1);
      if (pass.batch_norm_group) {
        return followers(distributed::sync_batch_norm(pass.batch_norm_group, input, affine_.weight,
                                                      affine_.bias, mean_.tensor, variance_.tensor,
                                                      {momentum_, eps_}));
      }
      const auto bounds = bounds_of(followers.activation);
      const auto [low, high] = bounds.value_or(*bounds_of({}));
      const BatchNormOutput output{bounds ? followers.other : at::Tensor(), low, high};
      const BatchNormParameters parameters{affine_.weight,   affine_.bias, mean_.tensor,
                                           variance_.tensor, momentum_,    eps_};
      if (suits_batch_norm(input, parameters, output)) {
        const auto normalized = batch_norm(input, parameters, output);
        return bounds ? normalized : followers(normalized);
      }
    }
    return followers(at::batch_norm(input, affine_.weight, affine_.bias, mean_.tensor, variance_.tensor,
                                    training, momentum_, eps_, true));
  }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    auto scale = at::rsqrt(variance_.tensor.detach().to(at::kDouble) + eps_);
    if (affine_.weight.defined()) scale = scale * affine_.weight.detach();
    auto shift = -mean_.tensor.detach().to(at::kDouble) * scale;
    if (affine_.bias.defined()) shift = shift + affine_.bias.detach();
    return planner.add(Planner::Affine{scale, shift}, {input});
  }

  std::string path_;
  double eps_, momentum_;
  Affine affine_;
  const NamedTensor &mean_, &variance_, &batches_;
};

class GroupNorm final : public Layer {
 public:
  GroupNorm(const LayerSpec& spec, const std::string& path, Construction& construction)
      : groups_(spec.integer("groups")), eps_(spec.number("eps", 1e-5)), affine_(spec, path, construction) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    return at::group_norm(input, groups_, affine_.weight, affine_.bias, eps_);
  }

  int64_t groups_;
  double eps_;
  Affine affine_;
};

// Over the channels of each place, as torchvision's LayerNorm2d of ConvNeXt.
class LayerNorm2d final : public Layer {
 public:
  LayerNorm2d(const LayerSpec& spec, const std::string& path, Construction& construction)
      : eps_(spec.number("eps", 1e-5)), affine_(spec, path, construction) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    const auto places = input.permute({0, 2, 3, 1});
    return at::layer_norm(places, {input.size(1)}, affine_.weight, affine_.bias, eps_).permute({0, 3, 1, 2});
  }

  double eps_;
  Affine affine_;
};

class PRelu final : public Layer {
 public:
  PRelu(const LayerSpec& spec, const std::string& path, Construction& construction)
      : weight_(parameter(
            construction, path, "weight",
            at::full({static_cast<int64_t>(spec.number("numParameters", 1))}, spec.number("init", 0.25)))) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    return at::prelu(input, weight_);
  }

  at::Tensor weight_;
};

// A factor for each channel, as ConvNeXt's: a parameter with the layer's own name.
class LayerScale final : public Layer {
 public:
  LayerScale(const LayerSpec& spec, const std::string& path, Construction& construction)
      : factors_(parameter(construction, path, "",
                           at::full({spec.integer("features"), 1, 1}, spec.number("init", 1e-6)))) {}

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override { return input * factors_; }

  Planner::Value describe(Planner::Value input, Planner& planner) const override {
    const auto scale = factors_.detach().flatten().to(at::kDouble);
    return planner.add(Planner::Affine{scale, at::zeros_like(scale)}, {input});
  }

  at::Tensor factors_;
};

}  // namespace

void add_weighted_layers(BuilderTable& table) {
  table["conv2d"] = layer_of<Conv2d>();
  table["linear"] = layer_of<Linear>();
  table["batchNorm1d"] = layer_of<BatchNorm>();
  table["batchNorm2d"] = layer_of<BatchNorm>();
  table["groupNorm"] = layer_of<GroupNorm>();
  table["layerNorm2d"] = layer_of<LayerNorm2d>();
  table["prelu"] = layer_of<PRelu>();
  table["cosineLinear"] = layer_of<CosineLinear>();
  table["layerScale"] = layer_of<LayerScale>();
}

}  // namespace mcloss::nn
