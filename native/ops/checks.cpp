#include "checks.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

namespace mcloss {
namespace {

// What rounding leaves of a sum of 1 in each type.
double sum_tolerance(at::ScalarType type) {
  return type == at::kFloat || type == at::kDouble ? 1e-4 : 2e-2;
}

// Of each sample a distribution over the classes, [N, K].
void check_distributions(const at::Tensor& labels, const at::Tensor& features, const ChannelBlocks& groups) {
  const bool fits =
      labels.dim() == 2 && labels.size(0) == features.size(0) && labels.size(1) == groups.classes;
  TORCH_CHECK_VALUE(fits, "labels of floating point must have shape [", features.size(0), ", ",
                    groups.classes, "], got ", labels.sizes());
  if (!labels.is_cpu() || is_traced(labels)) return;  // reading them would wait for the device
  const auto values = labels.detach().to(at::kDouble);
  const double least = values.min().item<double>();
  const double error = (values.sum(1) - 1).abs().max().item<double>();
  TORCH_CHECK_VALUE(least >= 0 && error <= sum_tolerance(labels.scalar_type()),
                    "labels of floating point must be distributions: each row from 0 to 1, with a sum of 1");
}

}  // namespace

bool is_traced(const at::Tensor& tensor) {
  return tensor.is_meta() || tensor.unsafeGetTensorImpl()->key_set().has(c10::DispatchKey::Python);
}

void check_features(const at::Tensor& features, const ChannelBlocks& groups) {
  TORCH_CHECK_TYPE(at::isFloatingType(features.scalar_type()), "features must be floating point, got ",
                   features.scalar_type());
  TORCH_CHECK_VALUE(features.dim() == 4, "features must have shape [N, C, H, W], got ", features.sizes());
  TORCH_CHECK_VALUE(features.numel() > 0, "features must not be empty, got ", features.sizes());
  TORCH_CHECK_VALUE(features.size(1) == groups.channels, "features have ", features.size(1),
                    " channels, but the groups own ", groups.channels);
}

void check_labels(const at::Tensor& labels, const at::Tensor& features, const ChannelBlocks& groups) {
  if (labels.is_floating_point()) return check_distributions(labels, features, groups);
  TORCH_CHECK_TYPE(at::isIntegralType(labels.scalar_type(), false),
                   "labels must be integers, or floating point for distributions over the classes, got ",
                   labels.scalar_type());
  TORCH_CHECK_VALUE(labels.dim() == 1 && labels.size(0) == features.size(0), "labels must have shape [",
                    features.size(0), "], got ", labels.sizes());
  if (!labels.is_cpu() || is_traced(labels)) return;  // reading them would wait for the device
  const auto values = labels.to(at::kLong).contiguous();
  const auto* first = values.const_data_ptr<int64_t>();
  const auto [least, most] = std::minmax_element(first, first + values.numel());
  const int64_t low = *least;
  const int64_t high = *most;
  TORCH_CHECK_INDEX(low >= 0 && high < groups.classes, "labels must be from 0 to ", groups.classes - 1,
                    ", got ", low < 0 ? low : high);
}

at::Tensor check_mask(const at::Tensor& mask, const at::Tensor& features) {
  const auto rows = mask.dim() == 1 ? mask.unsqueeze(0) : mask;
  const bool fits = rows.dim() == 2 && rows.size(1) == features.size(1) &&
                    (rows.size(0) == 1 || rows.size(0) == features.size(0));
  TORCH_CHECK_VALUE(fits, "mask must have shape [", features.size(1), "] or [", features.size(0), ", ",
                    features.size(1), "], got ", mask.sizes());
  return rows;
}

bool is_max(std::string_view pooling, const char* argument) {
  TORCH_CHECK_VALUE(pooling == "max" || pooling == "mean", argument, " must be \"max\" or \"mean\", got \"",
                    pooling, "\"");
  return pooling == "max";
}

DiversityOver to_diversity_over(std::string_view name) {
  if (name == "classes") return DiversityOver::kClasses;
  if (name == "blocks") return DiversityOver::kBlocks;
  if (name == "own") return DiversityOver::kOwn;
  TORCH_CHECK_VALUE(name == "scores",
                    "diversity_over must be \"classes\", \"blocks\", \"own\" or \"scores\", got \"", name,
                    "\"");
  return DiversityOver::kScores;
}

}  // namespace mcloss
