#include "pointwise_convolution.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>

namespace mcloss::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kWeightsAtLeast = 64 * 1024;

bool has_bfloat16() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
#else
  return false;
#endif
}

// The channels of each place.
at::Tensor places_of(const at::Tensor& images) {
  return images.permute({0, 2, 3, 1}).reshape({-1, images.size(1)});
}

class PointwiseConvolution : public torch::autograd::Function<PointwiseConvolution> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            std::vector<int64_t> stride) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto output = at::conv2d(input, weight, {}, stride);
    context->save_for_backward({input, weight});
    context->saved_data["stride"] = std::move(stride);
    context->set_materialize_grads(false);
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    variable_list gradients(3);
    const auto& gradient = upstream[0];
    if (!gradient.defined()) return gradients;
    const auto saved = context->get_saved_variables();
    const auto &input = saved[0], &weight = saved[1];
    const auto stride = context->saved_data["stride"].toIntVector();
    const bool of_input = context->needs_input_grad(0), of_weight = context->needs_input_grad(1);
    // Of one operator, which has derivatives itself.
    const bool together = at::GradMode::is_enabled();
    if (of_input || together) {
      std::tie(gradients[0], gradients[1], std::ignore) = at::convolution_backward(
          gradient, input, weight, std::nullopt, stride, {0, 0}, {1, 1}, /*transposed=*/false, {0, 0},
          /*groups=*/1, {of_input, of_weight && together, false});
    }
    if (of_weight && !together) gradients[1] = weight_gradient(gradient, input, weight, stride);
    return gradients;
  }

 private:
  static at::Tensor weight_gradient(const at::Tensor& gradient, const at::Tensor& input,
                                    const at::Tensor& weight, at::IntArrayRef stride) {
    const auto seen =
        input.slice(2, std::nullopt, std::nullopt, stride[0]).slice(3, std::nullopt, std::nullopt, stride[1]);
    auto result = at::empty_like(weight);
    result.view({weight.size(0), weight.size(1)}).copy_(at::mm(places_of(gradient).t(), places_of(seen)));
    return result;
  }
};

}  // namespace

bool suits_pointwise_convolution(const at::Tensor& input, const at::Tensor& weight) {
  if (!has_bfloat16() || !input.is_cpu() || input.dim() != 4 || input.numel() == 0) return false;
  if (!at::GradMode::is_enabled() || !weight.requires_grad() || weight.numel() < kWeightsAtLeast)
    return false;
  const bool casts = at::autocast::is_autocast_enabled(at::kCPU) &&
                     at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
  const auto is_brain = [](const at::Tensor& tensor) { return tensor.scalar_type() == at::kBFloat16; };
  return (casts || (is_brain(input) && is_brain(weight))) && weight.scalar_type() != at::kDouble &&
         input.scalar_type() != at::kDouble && input.is_contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor pointwise_convolution(const at::Tensor& input, const at::Tensor& weight, at::IntArrayRef stride) {
  return PointwiseConvolution::apply(at::autocast::cached_cast(at::kBFloat16, input, at::kCPU),
                                     at::autocast::cached_cast(at::kBFloat16, weight, at::kCPU),
                                     stride.vec());
}

}  // namespace mcloss::nn
