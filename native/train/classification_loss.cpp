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

// mean of (1 - p)^gamma * -log p, p the softmax probability of the true class (Lin et al. 2017, equation 4).
ClassificationLoss focal_loss(const at::Tensor& logits, const at::Tensor& labels, double gamma) {
  const auto each = cross_entropy(logits, labels, 0, at::Reduction::None);
  // 1 - p without cancellation; above 0, where a power below 1 has no derivative.
  const auto missing = (-(-each).expm1()).clamp_min(std::numeric_limits<float>::min());
  return {(missing.pow(gamma) * each).mean(), each.detach().mean()};
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
