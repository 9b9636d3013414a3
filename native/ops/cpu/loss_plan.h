#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "../channel_blocks.h"
#include "../fused_options.h"
#include "class_batches.h"
#include "group_kernel.h"

namespace mcloss::cpu {

// Where the elements of one sample lie: channel by channel, or position by position (channels_last).
struct SampleLayout {
  int64_t channels;
  int64_t positions;
  bool channels_last;
  bool fits_cache;  // the features and their gradient, all samples together
};

// How every sample of a call is worked on. S is the type in memory, T the one that is accumulated in.
template <class S, class T>
class LossPlan {
 public:
  LossPlan(const ChannelBlocks& groups, SampleLayout layout, FusedOptions options,
           const GroupKernel<T>& kernel)
      : layout(layout),
        options(options),
        kernel(kernel),
        direct(std::is_same_v<S, T> && !layout.channels_last && layout.positions >= kernel.width),
        stride(direct ? layout.positions : row_stride()),
        workspace_stride(padded()),
        batch_rows(std::max<int64_t>(widest_group(groups), kBatchBytes / (workspace_stride * sizeof(T)))),
        classes(groups.classes),
        blocks(static_cast<int64_t>(groups.blocks.size())),
        batches(make_class_batches(groups, batch_rows)) {}

  // Of the widest of so many parts.
  int64_t most_channels_of(int64_t parts) const {
    int64_t most = 0;
    for (int64_t i = 0; i < parts; ++i) {
      const BatchRange part = part_of(batches, i, parts);
      int64_t channels = 0;
      for (int64_t b = part.begin; b < part.end; ++b) channels += batches[b].rows();
      most = std::max(most, channels);
    }
    return most;
  }

  SampleLayout layout;
  FusedOptions options;
  const GroupKernel<T>& kernel;
  bool direct;     // the features are rows of T already, each wide enough for the kernel
  int64_t stride;  // of the rows that the kernel sees
  int64_t workspace_stride;
  int64_t batch_rows;  // the most of a batch
  int64_t classes;
  int64_t blocks;
  std::vector<ClassBatch> batches;

 private:
  // Rows that are worked on together: enough to keep the processor busy, few enough to stay in the
  // first-level cache.
  static constexpr int64_t kBatchBytes = 12 << 10;

  int64_t padded() const { return (layout.positions + kernel.width - 1) / kernel.width * kernel.width; }

  // An odd number of vectors, so that a column of the rows does not fall on a few sets of the caches.
  int64_t row_stride() const {
    const int64_t vectors = padded() / kernel.width;
    return (layout.channels_last ? vectors | 1 : vectors) * kernel.width;
  }
};

// One sample's memory, and where its results go. Places of what is made are given for all classes.
template <class S, class T>
struct Sample {
  const S* features;
  S* gradient;          // or null
  const uint8_t* mask;  // [channels]
  int64_t label;
  T* scores;        // [classes]: g
  int16_t* winner;  // [classes] rows, `workspace_stride` apart: each position's winner; null for means
  T* covered;       // [classes]: h / channels
  const T* targets = nullptr;  // [classes]: how much of each class the sample is; null where it is `label`

  T share_of(int64_t class_index) const {
    return targets ? targets[class_index] : static_cast<T>(class_index == label);
  }
};

// log(sum(exp(scores))).
template <class T>
T log_sum_exp(const T* scores, int64_t classes) {
  const T largest = *std::max_element(scores, scores + classes);
  T sum = 0;
  for (int64_t k = 0; k < classes; ++k) sum += std::exp(scores[k] - largest);
  return std::log(sum) + largest;
}

// -sum(share * log(softmax(scores))). `log_sum` is of the sample's scores.
template <class S, class T>
T cross_entropy_of(const Sample<S, T>& sample, int64_t classes, T log_sum) {
  if (!sample.targets) return log_sum - sample.scores[sample.label];
  T sum = 0;
  for (int64_t k = 0; k < classes; ++k) sum += sample.targets[k] * (log_sum - sample.scores[k]);
  return sum;
}

// By how much a class's h / channels counts in the diversity. `log_sum` is of the sample's scores.
template <class S, class T>
T weight_of_class(const LossPlan<S, T>& plan, const ClassBatch& batch, int64_t class_index,
                  const Sample<S, T>& sample, T log_sum) {
  const auto over = plan.options.diversity_over;
  const T probability =
      over == DiversityOver::kScores ? std::exp(sample.scores[class_index] - log_sum) : T(0);
  return coverage_weight(over, plan.classes, batch.block_classes, sample.share_of(class_index), probability);
}

// The diversity of one sample.
template <class S, class T>
double diversity_of(const LossPlan<S, T>& plan, const Sample<S, T>& sample, T log_sum) {
  auto uncovered = static_cast<double>(sum_of_weights(plan.options.diversity_over, plan.blocks));
  for (const auto& batch : plan.batches) {
    for (int64_t k = batch.first_class; k < batch.first_class + batch.classes; ++k) {
      uncovered -= double{weight_of_class(plan, batch, k, sample, log_sum)} * sample.covered[k];
    }
  }
  return uncovered;
}

}  // namespace mcloss::cpu
