#include "checks.h"

#include <algorithm>

namespace mcloss {

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
  TORCH_CHECK_TYPE(at::isIntegralType(labels.scalar_type(), false), "labels must be integers, got ",
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
