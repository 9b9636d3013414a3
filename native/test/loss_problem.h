#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "../ops/channel_blocks.h"
#include "../ops/diversity_over.h"

namespace mcloss::test {

// One random case, and the answer by the formulas in float64, channel after channel.
template <class T>
struct LossProblem {
  ChannelBlocks groups;
  int64_t samples;
  int64_t positions;
  bool channels_last;
  bool max_score;
  bool max_coverage;
  DiversityOver diversity_over;
  double alpha;
  double beta;
  std::vector<T> features;  // [samples, channels, positions], or [samples, positions, channels]
  std::vector<int64_t> labels;
  std::vector<T> targets;     // [samples, classes] in place of the labels, or none
  std::vector<uint8_t> mask;  // [samples, channels]

  // How much of a class a sample is.
  double share(int64_t sample, int64_t class_index) const {
    if (!targets.empty()) return targets[sample * groups.classes + class_index];
    return class_index == labels[sample] ? 1 : 0;
  }

  int64_t place(int64_t sample, int64_t channel, int64_t position) const {
    const int64_t in_sample =
        channels_last ? position * groups.channels + channel : channel * positions + position;
    return sample * groups.channels * positions + in_sample;
  }
};

struct LossAnswer {
  double discriminality = 0;
  double diversity = 0;
  std::vector<double> gradient;  // laid out as the features
  // Channels whose softmaxes differ by rounding alone compete for a place: the gradient goes to either.
  bool ambiguous = false;
};

template <class T>
LossProblem<T> random_problem(std::mt19937_64& random);

template <class T>
LossAnswer solve(const LossProblem<T>& problem);

}  // namespace mcloss::test
