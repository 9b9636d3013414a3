#include "batch_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "cpu/batch_norm_cpu.h"

namespace mcloss {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor batch_norm_op(const at::Tensor& input, const std::optional<at::Tensor>& other,
                         const at::Tensor& weight, const at::Tensor& bias, at::Tensor running_mean,
                         at::Tensor running_var, double momentum, double eps, double low, double high) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mcloss::batch_norm", "")
                             .typed<decltype(batch_norm_op)>();
  return op.call(input, other, weight, bias, running_mean, running_var, momentum, eps, low, high);
}

bool is_clamped(double low, double high) {
  return !(std::isinf(low) && std::isinf(high));
}

// Where something of the output has been clamped, made of what is kept.
at::Tensor is_unclamped(const at::Tensor& input, const at::Tensor& factors, const at::Tensor& output,
                        double low, double high) {
  const auto by_channel = [](const at::Tensor& values) { return values.view({1, -1, 1, 1}); };
  const auto values = output.defined() ? output : input * by_channel(factors[2]) + by_channel(factors[3]);
  return (values.le(low)).logical_or(values.ge(high)).logical_not();
}

class BatchNormFunction : public torch::autograd::Function<BatchNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const std::optional<at::Tensor>& given_other, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& running_mean,
                            const at::Tensor& running_var, double momentum, double eps, double low,
                            double high) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor other = given_other.value_or(at::Tensor());
    auto [output, factors] = cpu::batch_norm_forward(
        input, {weight, bias, running_mean, running_var, momentum, eps}, {other, low, high});
    const bool keeps_output = other.defined() && is_clamped(low, high);
    context->save_for_backward({input, weight, factors, keeps_output ? output : at::Tensor()});
    context->saved_data["eps"] = eps;
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    context->saved_data["has_other"] = other.defined();
    context->set_materialize_grads(false);
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    variable_list gradients(10);
    if (!upstream[0].defined()) return gradients;
    const auto saved = context->get_saved_variables();
    const auto &input = saved[0], &weight = saved[1], &factors = saved[2], &output = saved[3];
    auto& data = context->saved_data;
    const double low = data["low"].toDouble(), high = data["high"].toDouble();
    if (at::GradMode::is_enabled()) {
      // Of LibTorch's operators, which have derivatives themselves.
      const auto unclamped = upstream[0] * is_unclamped(input, factors, output, low, high);
      auto [of_input, of_weight, of_bias] =
          at::native_batch_norm_backward(unclamped, input, weight, {}, {}, factors[0], factors[1],
                                         /*train=*/true, data["eps"].toDouble(), {true, true, true});
      gradients[0] = of_input;
      if (data["has_other"].toBool()) gradients[1] = unclamped;
      gradients[2] = of_weight;
      gradients[3] = of_bias;
      return gradients;
    }
    auto result = cpu::batch_norm_backward(upstream[0], input, factors, output, low, high,
                                           context->needs_input_grad(0));
    gradients[0] = result.input;
    if (data["has_other"].toBool()) gradients[1] = result.unclamped;
    gradients[2] = result.weight;
    gradients[3] = result.bias;
    return gradients;
  }
};

at::Tensor batch_norm_autograd(const at::Tensor& input, const std::optional<at::Tensor>& other,
                               const at::Tensor& weight, const at::Tensor& bias, at::Tensor running_mean,
                               at::Tensor running_var, double momentum, double eps, double low, double high) {
  return BatchNormFunction::apply(input, other, weight, bias, running_mean, running_var, momentum, eps, low,
                                  high);
}

at::Tensor batch_norm_forward_only(const at::Tensor& input, const std::optional<at::Tensor>& other,
                                   const at::Tensor& weight, const at::Tensor& bias, at::Tensor running_mean,
                                   at::Tensor running_var, double momentum, double eps, double low,
                                   double high) {
  return std::get<0>(cpu::batch_norm_forward(input, {weight, bias, running_mean, running_var, momentum, eps},
                                             {other.value_or(at::Tensor()), low, high}));
}

}  // namespace

at::Tensor batch_norm(const at::Tensor& input, const BatchNormParameters& parameters,
                      const BatchNormOutput& output) {
  return batch_norm_op(input, output.other.defined() ? std::optional(output.other) : std::nullopt,
                       parameters.weight, parameters.bias, parameters.running_mean, parameters.running_var,
                       parameters.momentum, parameters.eps, output.low, output.high);
}

}  // namespace mcloss

TORCH_LIBRARY_FRAGMENT(mcloss, library) {
  library.def(
      "batch_norm(Tensor input, Tensor? other, Tensor weight, Tensor bias, Tensor(a!) running_mean, "
      "Tensor(b!) running_var, float momentum, float eps, float low, float high) -> Tensor");
}

TORCH_LIBRARY_IMPL(mcloss, CPU, library) {
  library.impl("batch_norm", &mcloss::batch_norm_forward_only);
}

TORCH_LIBRARY_IMPL(mcloss, AutogradCPU, library) {
  library.impl("batch_norm", &mcloss::batch_norm_autograd);
}
