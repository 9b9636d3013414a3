#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "plug_ins.h"

namespace mcloss::train {
namespace {

at::Tensor draw(at::IntArrayRef shape, double probability, const at::Tensor& like) {
  return at::empty(shape, like.options()).bernoulli_(probability).to(at::kBool);
}

// Where the maps [N, K, H, W] are suppressed: at the peak of some, and in some squares beside it.
at::Tensor suppressed_places(const at::Tensor& maps, const PlugInTerm& term) {
  const at::NoGradGuard no_grad;
  const auto side = static_cast<int64_t>(term.number("patchSize"));
  const int64_t batch = maps.size(0), classes = maps.size(1), height = maps.size(2), width = maps.size(3);
  const auto peaks = maps.eq(maps.amax({2, 3}, /*keepdim=*/true));
  const auto in_peaks = draw({batch, classes, 1, 1}, term.number("peakRate"), maps);
  const auto patches = draw({batch, classes, (height + side - 1) / side, (width + side - 1) / side},
                            term.number("patchRate"), maps);
  const auto in_patches =
      patches.repeat_interleave(side, 2).repeat_interleave(side, 3).narrow(2, 0, height).narrow(3, 0, width);
  return at::where(peaks, in_peaks, in_patches);
}

// The logits of class activation maps in which places are suppressed; of the whole maps they are the
// classifier's.
at::Tensor diversified_logits(const at::Tensor& features, const PlugInTerm& term) {
  const auto kernel = term.tensor("weight").unsqueeze(2).unsqueeze(3);
  const auto maps = at::conv2d(features, kernel);
  const auto kept =
      at::where(suppressed_places(maps.detach(), term), maps * term.number("suppression"), maps);
  const auto means = kept.mean({2, 3});
  const auto bias = term.tensors.find("bias");
  return bias == term.tensors.end() ? means : means + bias->second;
}

}  // namespace

// Cross-entropy among the true class and the strongest others, of logits whose class activation maps went
// through the diversification block in training (Sun et al. 2020, equations 2 to 9).
at::Tensor gradient_boosting(const ClassifierOutput& output, const at::Tensor& labels,
                             const PlugInTerm& term) {
  const bool diversifies = output.training && term.tensors.contains("weight");
  const auto logits = diversifies ? diversified_logits(output.features, term) : output.logits;
  const auto own_class = labels.unsqueeze(1);
  const auto own = logits.gather(1, own_class);
  const auto others = logits.scatter(1, own_class, -std::numeric_limits<double>::infinity());
  const int64_t strongest = std::min(static_cast<int64_t>(term.number("negatives")), logits.size(1) - 1);
  const auto rivals = std::get<0>(others.topk(strongest, 1));
  return (at::cat({own, rivals}, 1).logsumexp(1) - own.squeeze(1)).mean();
}

}  // namespace mcloss::train
