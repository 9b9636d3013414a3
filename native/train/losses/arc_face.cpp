#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include <cmath>
#include <numbers>

#include "plug_ins.h"

namespace mcloss::train {
namespace {

// So near to 1 the sine has no derivative.
constexpr double kMostCosine = 1 - 1e-7;

}  // namespace

// Cross-entropy of scaled cosines, with a margin added to the angle of the true class (Deng et al. 2019,
// equation 3). Beyond π − margin, where the cosine would rise again, it goes on straight, as the authors'
// code.
at::Tensor arc_face(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm& term) {
  const double margin = term.number("margin"), scale = term.number("scale");
  const auto own_class = labels.unsqueeze(1);
  const auto cosine = (output.logits.gather(1, own_class) / scale).clamp(-kMostCosine, kMostCosine);
  const auto sine = (1 - cosine.square()).sqrt();
  const auto turned = cosine * std::cos(margin) - sine * std::sin(margin);
  const auto straight = cosine - margin * std::sin(margin);
  const auto moved = at::where(cosine.gt(std::cos(std::numbers::pi - margin)), turned, straight);
  return plain_cross_entropy(output.logits.scatter(1, own_class, moved * scale), labels);
}

}  // namespace mcloss::train
