#include "mc_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "channel_blocks.h"
#include "checks.h"
#include "fused_cpu.h"
#include "mask.h"
#include "reference.h"

namespace mcloss {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class FusedLoss : public torch::autograd::Function<FusedLoss> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& features, const at::Tensor& labels,
                               const at::Tensor& mask, at::IntArrayRef block_classes,
                               at::IntArrayRef block_channels, double alpha, double beta,
                               bool with_gradient) {
    const auto groups = make_channel_blocks(block_classes, block_channels);
    const auto result = fused_cpu(features, labels, mask, groups, {alpha, beta}, with_gradient);
    context->save_for_backward({features, labels, mask, result.gradient});
    context->saved_data["block_classes"] = block_classes.vec();
    context->saved_data["block_channels"] = block_channels.vec();
    context->saved_data["alpha"] = alpha;
    context->saved_data["beta"] = beta;
    context->set_materialize_grads(false);
    const auto loss = alpha * result.discriminality + beta * result.diversity;
    return {loss, result.discriminality, result.diversity};
  }

  static variable_list backward(AutogradContext* context, variable_list upstream) {
    TORCH_CHECK_NOT_IMPLEMENTED(!at::GradMode::is_enabled(),
                                "mcloss::mc_loss has no second derivatives; mcloss::reference has them");
    variable_list gradients(8);
    gradients[0] = feature_gradient(context, upstream[0], upstream[1], upstream[2]);
    return gradients;
  }

 private:
  static at::Tensor feature_gradient(AutogradContext* context, const at::Tensor& loss,
                                     const at::Tensor& discriminality, const at::Tensor& diversity) {
    const auto saved = context->get_saved_variables();
    const double of_loss = loss.defined() ? loss.item<double>() : 0;
    if (!discriminality.defined() && !diversity.defined())
      return of_loss == 1 ? saved[3] : saved[3] * of_loss;
    // A term by itself: the features are read once more, with its weight.
    FusedWeights weights{of_loss * context->saved_data["alpha"].toDouble(),
                         of_loss * context->saved_data["beta"].toDouble()};
    if (discriminality.defined()) weights.discriminality += discriminality.item<double>();
    if (diversity.defined()) weights.diversity += diversity.item<double>();
    const auto groups = make_channel_blocks(context->saved_data["block_classes"].toIntVector(),
                                            context->saved_data["block_channels"].toIntVector());
    return fused_cpu(saved[0], saved[1], saved[2], groups, weights, true).gradient;
  }
};

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> mc_loss(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling) {
  if (!features.is_cpu() || pooling != "max" || diversity_pooling != "max") {
    return reference(features, labels, block_classes, block_channels, alpha, beta, mask, keep, per_sample,
                     generator, pooling, diversity_pooling);
  }
  const auto groups = make_channel_blocks(block_classes, block_channels);
  check_features(features, groups);
  check_labels(labels, features, groups);
  const auto attention = mask ? check_mask(*mask, features)
                              : draw_mask(block_classes, block_channels, keep,
                                          per_sample ? features.size(0) : 1, features.device(), generator);
  const bool with_gradient = at::GradMode::is_enabled() && features.requires_grad();
  const auto terms = FusedLoss::apply(features, labels.to(at::kCPU, at::kLong).contiguous(),
                                      attention.to(at::kCPU, at::kByte).contiguous(), block_classes,
                                      block_channels, alpha, beta, with_gradient);
  return {terms[0], terms[1], terms[2]};
}

}  // namespace mcloss
