#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define MCLOSS_ANYWHERE __host__ __device__
#else
#define MCLOSS_ANYWHERE
#endif

namespace mcloss {

// Whose h / channels the diversity counts on a sample, each class by a weight.
enum class DiversityOver : uint8_t {
  kClasses,  // the mean over all classes
  kBlocks,   // the mean over each block's classes, summed over the blocks
  kOwn,      // the sample's own class alone, or the mean weighted by its distribution
  kScores,   // the mean weighted by the softmax of the scores, through which no gradient flows
};

// The weight of a class; `own` is its share of the sample, `probability` its softmax of the scores.
template <class T>
MCLOSS_ANYWHERE T coverage_weight(DiversityOver over, int64_t classes, int64_t block_classes, T own,
                                  T probability) {
  switch (over) {
    case DiversityOver::kBlocks:
      return 1 / static_cast<T>(block_classes);
    case DiversityOver::kOwn:
      return own;
    case DiversityOver::kScores:
      return probability;
    default:
      return 1 / static_cast<T>(classes);
  }
}

// The sum of a sample's weights, from which what is covered is subtracted.
MCLOSS_ANYWHERE inline int64_t sum_of_weights(DiversityOver over, int64_t blocks) {
  return over == DiversityOver::kBlocks ? blocks : 1;
}

}  // namespace mcloss
