#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace mcloss::train {

// The term of the classifier's logits: cross-entropy, or focal loss where it has a gamma; less the weighted
// entropy of the predicted probabilities.
struct ClassificationTerm {
  double label_smoothing = 0;
  std::optional<double> focal_gamma;
  double entropy_weight = 0;
  bool operator==(const ClassificationTerm&) const = default;
};

struct ClassificationLoss {
  at::Tensor loss;
  at::Tensor cross_entropy;  // unsmoothed and unfocused
};

// Means over the batch, of logits [N, K] and labels, int64 [N] or floating point [N, K]: distributions over
// the classes.
ClassificationLoss classification_loss(const at::Tensor& logits, const at::Tensor& labels,
                                       const ClassificationTerm& term);

}  // namespace mcloss::train
