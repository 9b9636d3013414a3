#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "plug_ins.h"

namespace mcloss::train {
namespace {

constexpr double kLeastLength = 1e-12;

// Of each image the cosine between every channel's places and those of the one drawn: [N, C].
at::Tensor correlation_of_places(const at::Tensor& places, const at::Tensor& drawn) {
  const auto unit = places / places.norm(2, {2}, /*keepdim=*/true).clamp_min(kLeastLength);
  const auto own = unit.gather(1, drawn.view({-1, 1, 1}).expand({-1, 1, places.size(2)}));
  return (unit * own).sum(2);
}

// Of each image how near every channel's strongest place is to that of the one drawn: [N, C]. A place is as
// strong as the 3×3 ones around it are on average.
at::Tensor correlation_of_peaks(const at::Tensor& maps, const at::Tensor& drawn) {
  const int64_t width = maps.size(3);
  const auto smooth = at::avg_pool2d(maps, {3, 3}, /*stride=*/{1, 1}, /*padding=*/{1, 1});
  const auto peaks = smooth.flatten(2).argmax(2);
  const auto rows = peaks.floor_divide(width), columns = peaks.remainder(width);
  const auto offset = [&](const at::Tensor& each) { return each - each.gather(1, drawn.unsqueeze(1)); };
  return -(offset(rows).square() + offset(columns).square()).to(at::kFloat);
}

// 0 for the channels of each image that are dropped, 1 for the others: [N, C].
at::Tensor kept_channels(const at::Tensor& features, const PlugInTerm& term) {
  const at::NoGradGuard no_grad;
  const int64_t images = features.size(0), channels = features.size(1);
  const auto dtype = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto maps = features.detach().to(dtype);
  const auto drawn = at::randint(channels, {images}, features.options().dtype(at::kLong));
  const auto correlation = term.number("byPeaks") != 0 ? correlation_of_peaks(maps, drawn)
                                                       : correlation_of_places(maps.flatten(2), drawn);
  const int64_t count =
      std::max<int64_t>(1, std::lround(term.number("share") * static_cast<double>(channels)));
  const auto dropped = std::get<1>(correlation.topk(count, 1));
  return at::ones({images, channels}, features.options()).scatter_(1, dropped, 0);
}

}  // namespace

// Features without a channel drawn for each image and those most correlated with it (Ding et al. 2021); the
// others are raised as with dropout.
at::Tensor channel_drop_block(const at::Tensor& features, const PlugInTerm& term) {
  return features * kept_channels(features, term).unsqueeze(2).unsqueeze(3) / (1 - term.number("share"));
}

}  // namespace mcloss::train
