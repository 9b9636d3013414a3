#include <ATen/TensorOperators.h>

#include "plug_ins.h"

namespace mcloss::train {
namespace {

// 1 for pairs of different classes and 0 for others; of distributions the probability that they differ.
at::Tensor difference_of(const at::Tensor& left, const at::Tensor& right, at::ScalarType dtype) {
  if (left.dim() == 1) return left.ne(right).to(dtype);
  return 1 - (left * right).sum(1).to(dtype);
}

}  // namespace

// Cross-entropy plus the squared distance between the predictions for two images of different classes, over
// the pairs that the halves of a batch are (Dubey et al. 2018, section 3).
at::Tensor pairwise_confusion(const ClassifierOutput& output, const at::Tensor& labels,
                              const PlugInTerm& term) {
  const auto plain = plain_cross_entropy(output.logits, labels);
  const int64_t images = labels.size(0);
  const int64_t pairs = images / 2;
  if (!output.training || pairs == 0) return plain;
  const auto half = [&](const at::Tensor& rows, int64_t start) { return rows.narrow(0, start, pairs); };
  const auto predicted = output.logits.softmax(1);
  const auto distances = (half(predicted, 0) - half(predicted, pairs)).square().sum(1);
  const auto differ = difference_of(half(labels, 0), half(labels, pairs), distances.scalar_type());
  return plain + (distances * differ).sum() * (term.number("weight") / static_cast<double>(images));
}

}  // namespace mcloss::train
