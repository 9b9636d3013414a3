#include "packed_convolution.h"

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/conv2d.h>

#include <string_view>
#include <utility>

#include "../ops/convolution.h"

namespace mcloss::nn {
namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;
using Sizes = at::IntArrayRef;
using OptionalText = std::optional<std::string_view>;

// LibTorch's operators of oneDNN, which torch.compile calls; no header declares them.
struct OneDnnOperators {
  using Pack = at::Tensor(const at::Tensor&, Sizes, Sizes, Sizes, int64_t, at::OptionalIntArrayRef);
  using Convolve = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, Sizes,
                              Sizes, Sizes, int64_t, std::string_view, Scalars, OptionalText);
  using ConvolveAnd = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                 const std::optional<at::Tensor>&, Sizes, Sizes, Sizes, int64_t,
                                 std::string_view, std::optional<at::Scalar>, OptionalText, Scalars,
                                 OptionalText);
  using ConvolveInto = at::Tensor&(at::Tensor&, const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, Sizes, Sizes, Sizes, int64_t,
                                   std::string_view, std::optional<at::Scalar>, OptionalText, Scalars,
                                   OptionalText);

  c10::TypedOperatorHandle<Pack> pack;
  c10::TypedOperatorHandle<Convolve> convolve;
  c10::TypedOperatorHandle<ConvolveAnd> convolve_and;
  c10::TypedOperatorHandle<ConvolveInto> convolve_into;
  bool has_bfloat16;
};

template <class Signature>
c10::TypedOperatorHandle<Signature> operator_named(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

// Nothing where this LibTorch has been built without oneDNN, or has other operators of it.
const OneDnnOperators* onednn() {
  static const auto operators = []() -> std::optional<OneDnnOperators> {
    if (!at::globalContext().hasMKLDNN()) return std::nullopt;
    try {
      using Operators = OneDnnOperators;
      return Operators{
          operator_named<Operators::Pack>("mkldnn::_reorder_convolution_weight"),
          operator_named<Operators::Convolve>("mkldnn::_convolution_pointwise"),
          operator_named<Operators::ConvolveAnd>("mkldnn::_convolution_pointwise", "binary"),
          operator_named<Operators::ConvolveInto>("mkldnn::_convolution_pointwise_", "binary"),
          operator_named<bool()>("mkldnn::_is_mkldnn_bf16_supported").call(),
      };
    } catch (const c10::Error&) {
      return std::nullopt;
    }
  }();
  return operators ? &*operators : nullptr;
}

bool onednn_takes(const at::Tensor& weight) {
  const auto* operators = onednn();
  if (!operators || !weight.is_cpu() || !at::globalContext().userEnabledMkldnn()) return false;
  return weight.scalar_type() == at::kFloat ||
         (weight.scalar_type() == at::kBFloat16 && operators->has_bfloat16);
}

std::optional<at::Tensor> or_none(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

class PlainConvolution final : public PackedConvolution {
 public:
  PlainConvolution(Planner::Convolution convolution, ConvolutionEnd end)
      : convolution_(std::move(convolution)), end_(end) {}

  at::Tensor run(const at::Tensor& input, const at::Tensor& other, bool) const override {
    const auto& window = convolution_.window;
    auto output = at::conv2d(input, convolution_.weight, or_none(convolution_.bias), window.stride,
                             window.padding, window.dilation, window.groups);
    if (end_.adds) output.add_(other);
    if (end_.activation) end_.activation->apply(output);
    return output;
  }

 private:
  Planner::Convolution convolution_;
  ConvolutionEnd end_;
};

class OneDnnConvolution final : public PackedConvolution {
 public:
  OneDnnConvolution(Planner::Convolution convolution, ConvolutionEnd end)
      : weight_(convolution.weight.contiguous(at::MemoryFormat::ChannelsLast)),
        bias_(or_none(convolution.bias)),
        window_(std::move(convolution.window)),
        end_(end) {
    if (end.activation) fused_ = post_op_of(*end.activation);
    // Of the ends of a sum its operators know one.
    if (fused_ && end.adds && end.activation->kind != ActivationKind::kRelu) fused_.reset();
  }

  at::Tensor run(const at::Tensor& input, const at::Tensor& other, bool overwrites_other) const override {
    const auto images = input.contiguous(at::MemoryFormat::ChannelsLast);
    pack(images);
    auto output = end_.adds ? sum(images, other, overwrites_other) : convolve(images);
    if (end_.activation && !fused_) end_.activation->apply(output);
    return output;
  }

 private:
  // oneDNN chooses the layout by the input's shape too; of other shapes the same one is nearly always best,
  // and it reorders by itself where it is not.
  void pack(const at::Tensor& images) const {
    if (weight_.is_mkldnn()) return;
    weight_ = onednn()->pack.call(weight_, window_.padding, window_.stride, window_.dilation, window_.groups,
                                  images.sizes());
  }

  Scalars scalars() const {
    Scalars list;
    if (fused_) {
      for (const auto& scalar : fused_->scalars) list.push_back(scalar);
    }
    return list;
  }

  at::Tensor convolve(const at::Tensor& images) const {
    const std::string_view name = fused_ ? fused_->name : "none";
    const auto algorithm = fused_ ? OptionalText(fused_->algorithm) : std::nullopt;
    return onednn()->convolve.call(images, weight_, bias_, window_.padding, window_.stride, window_.dilation,
                                   window_.groups, name, scalars(), algorithm);
  }

  at::Tensor sum(const at::Tensor& images, const at::Tensor& other, bool overwrites_other) const {
    const auto unary = fused_ ? OptionalText(fused_->name) : std::nullopt;
    const bool same_dtype = other.scalar_type() == images.scalar_type();
    if (overwrites_other && same_dtype && other.is_contiguous(at::MemoryFormat::ChannelsLast)) {
      auto output = other;
      return onednn()->convolve_into.call(output, images, weight_, bias_, window_.padding, window_.stride,
                                          window_.dilation, window_.groups, "add", std::nullopt, unary,
                                          scalars(), std::nullopt);
    }
    const auto added = other.to(images.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    return onednn()->convolve_and.call(images, added, weight_, bias_, window_.padding, window_.stride,
                                       window_.dilation, window_.groups, "add", std::nullopt, unary,
                                       scalars(), std::nullopt);
  }

  mutable at::Tensor weight_;  // in oneDNN's layout from the first input on
  std::optional<at::Tensor> bias_;
  ConvolutionWindow window_;
  ConvolutionEnd end_;
  std::optional<PostOp> fused_;  // the activation
};

// By this package's own kernels.
class FloatConvolution final : public PackedConvolution {
 public:
  FloatConvolution(std::unique_ptr<PackedFloatConvolution> convolution, ConvolutionEnd end)
      : convolution_(std::move(convolution)), end_(end) {}

  at::Tensor run(const at::Tensor& input, const at::Tensor& other, bool overwrites_other) const override {
    constexpr auto kLayout = at::MemoryFormat::ChannelsLast;
    const auto bounds = bounds_of(end_.activation);
    const auto [low, high] = bounds.value_or(*bounds_of({}));
    const auto added = end_.adds ? other.to(at::kFloat).contiguous(kLayout) : at::Tensor();
    auto output =
        convolution_->run(input.contiguous(kLayout), {added, end_.adds && overwrites_other, low, high});
    if (!bounds) end_.activation->apply(output);
    return output;
  }

 private:
  std::unique_ptr<PackedFloatConvolution> convolution_;
  ConvolutionEnd end_;
};

std::unique_ptr<PackedFloatConvolution> pack_float(const Planner::Convolution& convolution) {
  const auto& window = convolution.window;
  return pack_float_convolution(convolution.weight, convolution.bias,
                                {window.stride, window.padding, window.dilation, window.groups});
}

}  // namespace

std::unique_ptr<PackedConvolution> pack_convolution(Planner::Convolution convolution, ConvolutionEnd end,
                                                    bool use_packed) {
  if (use_packed) {
    auto packed = pack_float(convolution);
    if (packed) return std::make_unique<FloatConvolution>(std::move(packed), end);
    if (onednn_takes(convolution.weight)) {
      return std::make_unique<OneDnnConvolution>(std::move(convolution), end);
    }
  }
  return std::make_unique<PlainConvolution>(std::move(convolution), end);
}

std::unique_ptr<PackedConvolution> join_convolutions(const std::vector<ConvolutionStage>& stages) {
  std::vector<FloatStage> earlier;
  for (const auto& [convolution, end] : stages) {
    const auto bounds = bounds_of(end.activation);
    auto packed = pack_float(convolution);
    if (!packed) return nullptr;
    if (&convolution == &stages.back().convolution) {
      auto joined = join_float_convolutions(std::move(earlier), std::move(packed));
      return joined ? std::make_unique<FloatConvolution>(std::move(joined), end) : nullptr;
    }
    if (!bounds || end.adds) return nullptr;
    earlier.push_back({std::move(packed), bounds->first, bounds->second});
  }
  return nullptr;
}

}  // namespace mcloss::nn
