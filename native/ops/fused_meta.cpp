#include "fused_meta.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

namespace mcloss {

FusedResult fused_meta(const at::Tensor& features, const at::Tensor& /*labels*/, const at::Tensor& /*mask*/,
                       at::IntArrayRef block_classes, at::IntArrayRef /*block_channels*/, double /*alpha*/,
                       double /*beta*/, const std::optional<at::Tensor>& /*weights*/,
                       std::string_view /*pooling*/, std::string_view /*diversity_pooling*/,
                       std::string_view /*diversity_over*/, bool with_gradient) {
  const auto type = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto scalar = [&] { return at::empty({}, features.options().dtype(type)); };
  const auto gradient = with_gradient ? at::empty_like(features) : at::empty({0}, features.options());
  int64_t classes = 0;
  for (const int64_t count : block_classes) classes += count;
  const auto scores = at::empty({features.size(0), classes}, features.options().dtype(type));
  return {scalar(), scalar(), scalar(), gradient, scores};
}

}  // namespace mcloss
