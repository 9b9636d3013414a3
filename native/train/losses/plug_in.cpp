#include "plug_in.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <set>

#include "plug_ins.h"

namespace mcloss::train {
namespace {

using Loss = at::Tensor (*)(const ClassifierOutput&, const at::Tensor& labels, const PlugInTerm&);
using Change = at::Tensor (*)(const at::Tensor& features, const PlugInTerm&);

// Cross-entropy of what the network makes of changed features.
at::Tensor unchanged(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm&) {
  return plain_cross_entropy(output.logits, labels);
}

const std::map<std::string, Loss> kLosses{
    {"classPriors", class_priors},
    {"pairwiseConfusion", pairwise_confusion},
    {"gradientBoosting", gradient_boosting},
    {"arcFace", arc_face},
    {"supervisedContrastive", supervised_contrastive},
    {"channelDropBlock", unchanged},
};

const std::map<std::string, Change> kChanges{{"channelDropBlock", channel_drop_block}};

// Of distributions over the classes they make nothing.
const std::set<std::string> kNeedClasses{"gradientBoosting", "arcFace", "supervisedContrastive"};

at::Tensor widened(const at::Tensor& values) {
  const bool is_narrow =
      values.defined() && (values.scalar_type() == at::kHalf || values.scalar_type() == at::kBFloat16);
  return is_narrow ? values.to(at::kFloat) : values;
}

// What is exact enough for a network is not for the logarithms and the distances here.
c10::impl::ExcludeDispatchKeyGuard without_autocast(const at::Tensor& values) {
  return c10::impl::ExcludeDispatchKeyGuard(
      at::autocast::get_autocast_dispatch_key_from_device_type(values.device().type()));
}

}  // namespace

bool PlugInTerm::operator==(const PlugInTerm& other) const {
  if (type != other.type || numbers != other.numbers || layer != other.layer) return false;
  if (tensors.size() != other.tensors.size()) return false;
  for (const auto& [name, tensor] : tensors) {
    const auto found = other.tensors.find(name);
    if (found == other.tensors.end() || !tensor.is_same(found->second)) return false;
  }
  return true;
}

at::Tensor plain_cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  return at::cross_entropy_loss(logits, labels);
}

PlugInLoss plug_in_loss(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm& term) {
  const auto guard = without_autocast(output.logits);
  const auto loss = kLosses.find(term.type);
  TORCH_CHECK_VALUE(loss != kLosses.end(), "there is no loss ", term.type);
  TORCH_CHECK_VALUE(!labels.is_floating_point() || !kNeedClasses.contains(term.type), "the loss ", term.type,
                    " needs one class for each image, got labels ", labels.sizes());
  const ClassifierOutput wide{widened(output.logits), widened(output.features), widened(output.vectors),
                              output.training, output.group};
  return {loss->second(wide, labels, term), plain_cross_entropy(wide.logits.detach(), labels)};
}

std::function<at::Tensor(const at::Tensor&)> change_of_features(const PlugInTerm& term) {
  const auto change = kChanges.find(term.type);
  if (change == kChanges.end()) return {};
  return [&term, apply = change->second](const at::Tensor& features) {
    const auto guard = without_autocast(features);
    return apply(features, term);
  };
}

}  // namespace mcloss::train
