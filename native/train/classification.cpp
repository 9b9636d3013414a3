#include "classification.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "../ops/mc_loss.h"
#include "../ops/reference.h"

namespace mcloss::train {
namespace {

struct Losses {
  at::Tensor total, cross_entropy, discriminality, diversity;
};

Losses compute_losses(const nn::ModelOutput& output, const at::Tensor& labels, const Objective& objective,
                      const std::optional<at::Tensor>& mask, bool with_channels) {
  const auto cross_entropy = at::cross_entropy_loss(output.logits, labels);
  if (!with_channels) {
    const auto none = at::zeros_like(cross_entropy);
    return {cross_entropy, cross_entropy, none, none};
  }
  const auto [channel_loss, discriminality, diversity] =
      mc_loss(output.features, labels, objective.block_classes, objective.block_channels, objective.alpha,
              objective.beta, mask, objective.keep, objective.per_sample, objective.generator,
              objective.pooling, objective.diversity_pooling);
  return {cross_entropy + channel_loss, cross_entropy, discriminality, diversity};
}

int64_t count_correct(const at::Tensor& scores, const at::Tensor& labels) {
  return scores.argmax(1).eq(labels).sum().item<int64_t>();
}

BatchMetrics measure(const Losses& losses, const at::Tensor& logits, const at::Tensor& labels) {
  const at::NoGradGuard no_grad;
  // One transfer for the four terms.
  const auto values = at::stack({losses.total, losses.cross_entropy, losses.discriminality, losses.diversity})
                          .to(at::kCPU, at::kDouble);
  const auto* terms = values.const_data_ptr<double>();
  return {labels.size(0), terms[0], terms[1], terms[2], terms[3], count_correct(logits, labels), 0};
}

}  // namespace

BatchMetrics train_step(const nn::Model& model, Sgd& optimizer, const at::Tensor& images,
                        const at::Tensor& labels, const Objective& objective) {
  const at::AutoGradMode enable_grad(true);
  const auto output = model.forward(images, /*training=*/true);
  const bool with_channels =
      !objective.block_classes.empty() && (objective.alpha != 0 || objective.beta != 0);
  const auto losses = compute_losses(output, labels, objective, std::nullopt, with_channels);
  const auto metrics = measure(losses, output.logits, labels);
  if (!std::isfinite(metrics.loss)) return metrics;
  optimizer.zero_grad();
  losses.total.backward();
  optimizer.step();
  return metrics;
}

BatchMetrics evaluate_batch(const nn::Model& model, const at::Tensor& images, const at::Tensor& labels,
                            const Objective& objective) {
  const at::NoGradGuard no_grad;
  const auto output = model.forward(images, /*training=*/false);
  if (objective.block_classes.empty()) {
    return measure(compute_losses(output, labels, objective, std::nullopt, false), output.logits, labels);
  }
  const auto every_channel = at::ones({output.features.size(1)}, output.features.options());
  auto metrics =
      measure(compute_losses(output, labels, objective, every_channel, true), output.logits, labels);
  const auto scores =
      group_scores(output.features, objective.block_classes, objective.block_channels, objective.pooling);
  metrics.groups_correct = count_correct(scores, labels);
  return metrics;
}

}  // namespace mcloss::train
