#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>

#include <limits>

#include "plug_ins.h"

namespace mcloss::train {
namespace {

constexpr double kLeastNorm = 1e-12;

// Mean over all images, those without another of their class among them, whose loss is 0.
at::Tensor contrast(const at::Tensor& vectors, const at::Tensor& labels, double temperature) {
  const auto lengths = vectors.norm(2, {1}, /*keepdim=*/true).clamp_min(kLeastNorm);
  const auto directions = vectors / lengths;
  const auto similarities = directions.matmul(directions.t()) / temperature;
  const auto itself = at::eye(labels.size(0), labels.options().dtype(at::kBool));
  const auto rest = similarities.masked_fill(itself, -std::numeric_limits<double>::infinity());
  const auto log_probabilities = similarities - rest.logsumexp(1, /*keepdim=*/true);
  const auto positive =
      labels.unsqueeze(1).eq(labels).logical_and(itself.logical_not()).to(vectors.scalar_type());
  const auto sums = (log_probabilities * positive).sum(1);
  return -(sums / positive.sum(1).clamp_min(1)).mean();
}

}  // namespace

// Cross-entropy plus L_out^sup of Khosla et al. 2020 (equation 2) of the vectors before the classifier.
at::Tensor supervised_contrastive(const ClassifierOutput& output, const at::Tensor& labels,
                                  const PlugInTerm& term) {
  const auto plain = plain_cross_entropy(output.logits, labels);
  if (!output.training || labels.size(0) < 2) return plain;
  return plain + term.number("weight") * contrast(output.vectors, labels, term.number("temperature"));
}

}  // namespace mcloss::train
