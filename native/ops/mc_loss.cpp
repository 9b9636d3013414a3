#include "mc_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>

#include "channel_blocks.h"
#include "checks.h"
#include "fused.h"
#include "mask.h"

namespace mcloss {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Inputs {
  at::Tensor labels;  // int64 [N], or of the accumulation type [N, K]
  at::Tensor mask;    // uint8 [1, C] or [N, C]
};

at::Tensor labels_for_kernels(const at::Tensor& labels, const at::Tensor& features) {
  const auto accumulated = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto type = labels.is_floating_point() ? accumulated : at::kLong;
  return labels.detach().to(features.device(), type).contiguous();
}

Inputs prepare_inputs(const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
                      at::IntArrayRef block_channels, const std::optional<at::Tensor>& mask,
                      at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator) {
  const auto groups = make_channel_blocks(block_classes, block_channels);
  check_features(features, groups);
  check_labels(labels, features, groups);
  for (const auto& block : groups.blocks) {
    // The kernels number a group's channels in 16 bits.
    TORCH_CHECK_VALUE(block.channels <= INT16_MAX, "a class may own at most ", INT16_MAX, " channels, got ",
                      block.channels);
  }
  const int64_t rows = per_sample ? features.size(0) : 1;
  const auto attention =
      mask ? check_mask(*mask, features)
           : draw_mask(block_classes, block_channels, keep, rows, features.device(), generator);
  return {labels_for_kernels(labels, features), attention.to(features.device(), at::kByte).contiguous()};
}

// Half types would round a gradient that is kept before it is known what it will be scaled by: at the scale
// of 1 most of it may be below float16's smallest number. Their backward reads the features once more
// instead, which takes no longer than scaling a float32 copy and needs no memory between.
bool keeps_gradient(const at::Tensor& features) {
  const auto type = features.scalar_type();
  return type == at::kFloat || type == at::kDouble;
}

class FusedLoss : public torch::autograd::Function<FusedLoss> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& features, const Inputs& inputs,
                               at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha,
                               double beta, std::string_view pooling, std::string_view diversity_pooling,
                               std::string_view diversity_over) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [loss, discriminality, diversity, gradient, scores] =
        fused(features, inputs.labels, inputs.mask, block_classes, block_channels, alpha, beta, {}, pooling,
              diversity_pooling, diversity_over, keeps_gradient(features));
    context->save_for_backward({features, inputs.labels, inputs.mask, gradient});
    context->saved_data["block_classes"] = block_classes.vec();
    context->saved_data["block_channels"] = block_channels.vec();
    context->saved_data["alpha"] = alpha;
    context->saved_data["beta"] = beta;
    context->saved_data["pooling"] = std::string(pooling);
    context->saved_data["diversity_pooling"] = std::string(diversity_pooling);
    context->saved_data["diversity_over"] = std::string(diversity_over);
    context->set_materialize_grads(false);
    return {loss, discriminality, diversity};
  }

  static variable_list backward(AutogradContext* context, variable_list upstream) {
    TORCH_CHECK_NOT_IMPLEMENTED(!at::GradMode::is_enabled(),
                                "mcloss::mc_loss has no second derivatives; mcloss::reference has them");
    const bool of_loss_alone = !upstream[1].defined() && !upstream[2].defined();
    variable_list gradients(9);
    gradients[0] =
        of_loss_alone ? gradient_of_loss(context, upstream[0]) : gradient_of_terms(context, upstream);
    return gradients;
  }

 private:
  static at::Tensor gradient_of_loss(AutogradContext* context, const at::Tensor& of_loss) {
    auto& data = context->saved_data;
    const auto saved = context->get_saved_variables();
    const auto scale = of_loss.detach();
    if (!keeps_gradient(saved[0])) {
      return make_gradient(context, data["alpha"].toDouble(), data["beta"].toDouble(), scale);
    }
    auto gradient = saved[3];
    // A graph that is kept hands the gradient out again.
    if (torch::autograd::get_current_graph_task_keep_graph() || is_traced(gradient)) return gradient * scale;
    return scale_gradient(gradient, scale);
  }

  // A term by itself.
  static at::Tensor gradient_of_terms(AutogradContext* context, const variable_list& upstream) {
    auto& data = context->saved_data;
    const auto& like = upstream[1].defined() ? upstream[1] : upstream[2];
    const auto or_zero = [&](const at::Tensor& value) {
      return value.defined() ? value : at::zeros_like(like);
    };
    const auto loss = or_zero(upstream[0]);
    return make_gradient(context, 1, 1,
                         at::stack({loss * data["alpha"].toDouble() + or_zero(upstream[1]),
                                    loss * data["beta"].toDouble() + or_zero(upstream[2])}));
  }

  // Reads the features once more. The weights stay on the device.
  static at::Tensor make_gradient(AutogradContext* context, double alpha, double beta,
                                  const at::Tensor& weights) {
    auto& data = context->saved_data;
    const auto saved = context->get_saved_variables();
    return std::get<3>(fused(saved[0], saved[1], saved[2], data["block_classes"].toIntVector(),
                             data["block_channels"].toIntVector(), alpha, beta, weights,
                             data["pooling"].toStringRef(), data["diversity_pooling"].toStringRef(),
                             data["diversity_over"].toStringRef(), true));
  }
};

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mcloss::mc_loss", "").typed<Kernel>();
  return op.call(features, labels, block_classes, block_channels, alpha, beta, mask, keep, per_sample,
                 generator, pooling, diversity_pooling, diversity_over);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss_forward(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over) {
  const auto inputs =
      prepare_inputs(features, labels, block_classes, block_channels, mask, keep, per_sample, generator);
  const auto [loss, discriminality, diversity, none, scores] =
      fused(features, inputs.labels, inputs.mask, block_classes, block_channels, alpha, beta, {}, pooling,
            diversity_pooling, diversity_over, false);
  return {loss, discriminality, diversity};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss_autograd(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over) {
  if (!at::GradMode::is_enabled() || !features.requires_grad()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return mc_loss(features, labels, block_classes, block_channels, alpha, beta, mask, keep, per_sample,
                   generator, pooling, diversity_pooling, diversity_over);
  }
  const auto inputs =
      prepare_inputs(features, labels, block_classes, block_channels, mask, keep, per_sample, generator);
  const auto terms = FusedLoss::apply(features, inputs, block_classes, block_channels, alpha, beta, pooling,
                                      diversity_pooling, diversity_over);
  return {terms[0], terms[1], terms[2]};
}

ChannelEvaluation evaluate_channels(const at::Tensor& features, const at::Tensor& labels,
                                    at::IntArrayRef block_classes, at::IntArrayRef block_channels,
                                    double alpha, double beta, std::string_view pooling,
                                    std::string_view diversity_pooling, std::string_view diversity_over) {
  const auto every_channel = at::ones({features.size(1)}, features.options().dtype(at::kByte));
  const auto inputs = prepare_inputs(features, labels, block_classes, block_channels, every_channel, {},
                                     /*per_sample=*/false, std::nullopt);
  at::AutoDispatchBelowADInplaceOrView below;
  const auto [loss, discriminality, diversity, none, scores] =
      fused(features, inputs.labels, inputs.mask, block_classes, block_channels, alpha, beta, {}, pooling,
            diversity_pooling, diversity_over, false);
  return {loss, discriminality, diversity, scores};
}

// Half types are accumulated in float32 already, so the features stay what they are.
std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss_autocast(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return mc_loss(features, labels, block_classes, block_channels, alpha, beta, mask, keep, per_sample,
                 generator, pooling, diversity_pooling, diversity_over);
}

}  // namespace mcloss
