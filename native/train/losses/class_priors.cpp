#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "../../distributed/process_group.h"
#include "plug_ins.h"

namespace mcloss::train {
namespace {

constexpr int64_t kNothingIgnored = -100;

// What the losses' sum is divided by: the weights of all processes' images, for each of which this is one
// part.
at::Tensor sum_of_weights(const at::Tensor& weights, const at::Tensor& labels,
                          distributed::ProcessGroup& group) {
  auto sum = weights.index_select(0, labels).sum();
  group.all_reduce(sum, distributed::Reduction::kSum);
  return sum / static_cast<double>(group.size());
}

}  // namespace

// Cross-entropy for classes of unequal frequency: with a weight of each class, or of logits to which
// something of each class is added.
at::Tensor class_priors(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm& term) {
  const auto shift = term.tensors.find("shift");
  const auto weights = term.tensors.find("weights");
  const auto logits = shift == term.tensors.end() ? output.logits : output.logits + shift->second;
  const auto weight = weights == term.tensors.end() ? std::optional<at::Tensor>() : weights->second;
  const double smoothing = term.number("labelSmoothing");
  const auto reduced = [&](at::Reduction::Reduction reduction) {
    return at::cross_entropy_loss(logits, labels, weight, reduction, kNothingIgnored, smoothing);
  };
  if (!weight || !output.group || labels.dim() > 1) return reduced(at::Reduction::Mean);
  return reduced(at::Reduction::Sum) / sum_of_weights(*weight, labels, *output.group);
}

}  // namespace mcloss::train
