#include "reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "channel_blocks.h"
#include "checks.h"
#include "mask.h"

namespace mcloss {
namespace {

// Half types are accumulated in float32.
at::Tensor to_accumulation_type(const at::Tensor& features) {
  const auto type = features.scalar_type();
  return type == at::kDouble ? features : features.to(at::kFloat);
}

// Cross-channel pooling of [N, C, P] to [N, K, P]. max(dim) gives a tie's gradient to the first channel.
at::Tensor pool_groups(const at::Tensor& values, const ChannelBlocks& groups, bool mean,
                       bool divide_by_channels) {
  std::vector<at::Tensor> pooled;
  for (const auto& block : groups.blocks) {
    const auto members = values.narrow(1, block.first_channel, block.classes * block.channels)
                             .reshape({values.size(0), block.classes, block.channels, values.size(2)});
    auto result = mean ? members.mean(2) : std::get<0>(members.max(2));
    if (divide_by_channels) result = result / block.channels;
    pooled.push_back(std::move(result));
  }
  return pooled.size() == 1 ? pooled.front() : at::cat(pooled, 1);
}

// The mean over the samples of what the classes leave uncovered, of h / channels [N, K].
at::Tensor diversity_of(const at::Tensor& covered, const at::Tensor& scores, const at::Tensor& labels,
                        const ChannelBlocks& groups, DiversityOver over) {
  switch (over) {
    case DiversityOver::kBlocks: {
      at::Tensor sum;
      int64_t first_class = 0;
      for (const auto& block : groups.blocks) {
        const auto uncovered = 1 - covered.narrow(1, first_class, block.classes).mean();
        sum = sum.defined() ? sum + uncovered : uncovered;
        first_class += block.classes;
      }
      return sum;
    }
    case DiversityOver::kOwn:
      if (labels.is_floating_point()) return 1 - (labels.to(covered) * covered).sum(1).mean();
      return 1 - covered.gather(1, labels.to(covered.device(), at::kLong).unsqueeze(1)).mean();
    case DiversityOver::kScores:
      return 1 - (scores.detach().softmax(1) * covered).sum(1).mean();
    default:
      return 1 - covered.mean();
  }
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> reference(
    const at::Tensor& features, const at::Tensor& labels, at::IntArrayRef block_classes,
    at::IntArrayRef block_channels, double alpha, double beta, const std::optional<at::Tensor>& mask,
    at::IntArrayRef keep, bool per_sample, const std::optional<at::Generator>& generator,
    std::string_view pooling, std::string_view diversity_pooling, std::string_view diversity_over) {
  const ChannelBlocks groups = make_channel_blocks(block_classes, block_channels);
  check_features(features, groups);
  check_labels(labels, features, groups);
  const auto attention = mask ? check_mask(*mask, features)
                              : draw_mask(block_classes, block_channels, keep,
                                          per_sample ? features.size(0) : 1, features.device(), generator);

  const auto x = to_accumulation_type(features).flatten(2);
  const auto kept = x * attention.to(x.device(), x.scalar_type()).unsqueeze(2);
  const auto scores = pool_groups(kept, groups, !is_max(pooling, "pooling"), false).mean(2);
  const auto type = labels.is_floating_point() ? scores.scalar_type() : at::kLong;
  const auto discriminality = at::cross_entropy_loss(scores, labels.to(scores.device(), type));

  const auto places = x.softmax(2);
  const auto covered =
      pool_groups(places, groups, !is_max(diversity_pooling, "diversity_pooling"), true).sum(2);
  const auto diversity = diversity_of(covered, scores, labels, groups, to_diversity_over(diversity_over));
  return {alpha * discriminality + beta * diversity, discriminality, diversity};
}

at::Tensor group_scores(const at::Tensor& features, at::IntArrayRef block_classes,
                        at::IntArrayRef block_channels, std::string_view pooling) {
  const ChannelBlocks groups = make_channel_blocks(block_classes, block_channels);
  check_features(features, groups);
  return pool_groups(to_accumulation_type(features).flatten(2), groups, !is_max(pooling, "pooling"), false)
      .mean(2);
}

}  // namespace mcloss
