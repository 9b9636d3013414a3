#include "classification_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>

#include <limits>

namespace mcloss::train {
namespace {

constexpr int64_t kNoIgnoredLabel = -100;

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double label_smoothing,
                         at::Reduction::Reduction reduction = at::Reduction::Mean) {
  return at::cross_entropy_loss(logits, labels, {}, reduction, kNoIgnoredLabel, label_smoothing);
}

// Without cancellation; above 0, where a power below 1 has no derivative.
at::Tensor one_minus_exp(const at::Tensor& log_p) {
  return (-log_p.expm1()).clamp_min(std::numeric_limits<float>::min());
}

// focal_loss() of distributions over the classes: the sum of share * (1 - p)^gamma * -log p over these.
ClassificationLoss focal_loss_of_distributions(const at::Tensor& logits, const at::Tensor& targets,
                                               double gamma) {
  const auto log_p = logits.log_softmax(1);
  const auto each = -(targets * log_p);
  const auto loss = (one_minus_exp(log_p).pow(gamma) * each).sum(1).mean();
  return {loss, each.detach().sum(1).mean()};
}

// mean of (1 - p)^gamma * -log p, p the softmax probability of the true class (Lin et al. 2017, equation 4).
ClassificationLoss focal_loss(const at::Tensor& logits, const at::Tensor& labels, double gamma) {
  if (labels.is_floating_point()) return focal_loss_of_distributions(logits, labels, gamma);
  const auto each = cross_entropy(logits, labels, 0, at::Reduction::None);
  return {(one_minus_exp(-each).pow(gamma) * each).mean(), each.detach().mean()};
}

// Of the softmax probabilities, mean over the batch.
at::Tensor entropy(const at::Tensor& logits) {
  const auto log_probabilities = logits.log_softmax(1);
  return -(log_probabilities.exp() * log_probabilities).sum(1).mean();
}

}  // namespace

ClassificationLoss classification_loss(const at::Tensor& logits, const at::Tensor& labels,
                                       const ClassificationTerm& term) {
  if (term.focal_gamma) return focal_loss(logits, labels, *term.focal_gamma);
  const auto loss = cross_entropy(logits, labels, term.label_smoothing);
  if (term.entropy_weight != 0) return {loss - term.entropy_weight * entropy(logits), loss.detach()};
  if (term.label_smoothing == 0) return {loss, loss};
  const at::NoGradGuard no_grad;
  return {loss, cross_entropy(logits, labels, 0)};
}

}  // namespace mcloss::train
