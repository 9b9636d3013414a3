#include "loss_problem.h"

#include <algorithm>
#include <cmath>

namespace mcloss::test {
namespace {

int64_t between(std::mt19937_64& random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

// Values that meet: many zeros as after a ReLU, few distinct ones for ties, large ones, or plain ones.
double draw_value(std::mt19937_64& random, int64_t kind) {
  const double normal = std::normal_distribution<double>()(random);
  if (kind == 0) return std::max(0.0, normal);
  if (kind == 1) return static_cast<double>(between(random, -2, 2));
  if (kind == 2) return normal * 1e4;
  return normal;
}

template <class T>
struct GroupSolver {
  const LossProblem<T>& problem;
  int64_t sample;
  int64_t first;
  int64_t channels;

  double at(int64_t j, int64_t p) const { return problem.features[problem.place(sample, first + j, p)]; }
  double kept(int64_t j) const { return problem.mask[sample * problem.groups.channels + first + j]; }

  template <class Value>
  int64_t first_largest(const Value& value) const {
    int64_t winner = 0;
    for (int64_t j = 1; j < channels; ++j) {
      if (value(j) > value(winner)) winner = j;
    }
    return winner;
  }

  int64_t score_winner(int64_t p) const {
    return first_largest([&](int64_t j) { return kept(j) * at(j, p); });
  }

  double score() const {
    double sum = 0;
    for (int64_t p = 0; p < problem.positions; ++p) {
      if (problem.max_score) {
        const int64_t j = score_winner(p);
        sum += kept(j) * at(j, p);
        continue;
      }
      for (int64_t j = 0; j < channels; ++j) sum += kept(j) * at(j, p) / static_cast<double>(channels);
    }
    return sum / static_cast<double>(problem.positions);
  }

  std::vector<double> softmax() const {
    std::vector<double> result(channels * problem.positions);
    for (int64_t j = 0; j < channels; ++j) {
      double largest = at(j, 0);
      for (int64_t p = 0; p < problem.positions; ++p) largest = std::max(largest, at(j, p));
      double sum = 0;
      for (int64_t p = 0; p < problem.positions; ++p) sum += std::exp(at(j, p) - largest);
      for (int64_t p = 0; p < problem.positions; ++p) {
        result[j * problem.positions + p] = std::exp(at(j, p) - largest) / sum;
      }
    }
    return result;
  }
};

template <class T>
std::vector<double> weights_of_classes(const LossProblem<T>& problem, int64_t sample,
                                       const std::vector<double>& scores, double log_sum) {
  std::vector<double> weights;
  for (const auto& block : problem.groups.blocks) {
    for (int64_t i = 0; i < block.classes; ++i) {
      const auto k = static_cast<int64_t>(weights.size());
      const double by_name[] = {1.0 / static_cast<double>(problem.groups.classes),
                                1.0 / static_cast<double>(block.classes), problem.share(sample, k),
                                std::exp(scores[k] - log_sum)};
      weights.push_back(by_name[static_cast<int>(problem.diversity_over)]);
    }
  }
  return weights;
}

// Of each sample's class and of another, as mixed images have them, or of all.
template <class T>
std::vector<T> random_targets(std::mt19937_64& random, const std::vector<int64_t>& labels,
                              const ChannelBlocks& groups) {
  const bool of_all = between(random, 0, 1) == 1;
  std::vector<T> targets;
  for (const int64_t label : labels) {
    std::vector<double> shares(groups.classes);
    if (of_all) {
      for (double& share : shares) share = static_cast<double>(between(random, 1, 100));
    }
    shares[label] += static_cast<double>(between(random, 1, 100));
    shares[between(random, 0, groups.classes - 1)] += static_cast<double>(between(random, 1, 100));
    double sum = 0;
    for (const double share : shares) sum += share;
    for (const double share : shares) targets.push_back(static_cast<T>(share / sum));
  }
  return targets;
}

}  // namespace

template <class T>
LossProblem<T> random_problem(std::mt19937_64& random) {
  LossProblem<T> problem;
  int64_t first = 0;
  for (int64_t blocks = between(random, 1, 3); blocks > 0; --blocks) {
    const int64_t channels = between(random, 0, 9) == 0 ? between(random, 33, 70) : between(random, 1, 11);
    const ChannelBlock block{between(random, 1, 5), channels, first};
    problem.groups.blocks.push_back(block);
    problem.groups.classes += block.classes;
    first += block.classes * block.channels;
  }
  problem.groups.channels = first;
  problem.samples = between(random, 1, 3);
  problem.positions = between(random, 0, 4) == 0 ? between(random, 1, 3) : between(random, 4, 70);
  problem.channels_last = between(random, 0, 1) == 1;
  problem.max_score = between(random, 0, 3) != 0;
  problem.max_coverage = between(random, 0, 3) != 0;
  problem.diversity_over = static_cast<DiversityOver>(between(random, 0, 3));
  problem.alpha = between(random, 0, 3);
  problem.beta = between(random, 0, 20);
  const int64_t kind = between(random, 0, 3);
  for (int64_t i = problem.samples * first * problem.positions; i > 0; --i) {
    problem.features.push_back(static_cast<T>(draw_value(random, kind)));
  }
  const bool shared = between(random, 0, 1) == 1;
  for (int64_t n = 0; n < problem.samples; ++n) {
    problem.labels.push_back(between(random, 0, problem.groups.classes - 1));
    for (int64_t c = 0; c < first; ++c) {
      const auto kept = static_cast<uint8_t>(between(random, 0, 1));
      problem.mask.push_back(shared && n > 0 ? problem.mask[c] : kept);
    }
  }
  if (between(random, 0, 2) == 0) problem.targets = random_targets<T>(random, problem.labels, problem.groups);
  return problem;
}

template <class T>
LossAnswer solve(const LossProblem<T>& problem) {
  LossAnswer answer;
  answer.gradient.resize(problem.features.size());
  const auto samples = static_cast<double>(problem.samples);
  const auto positions = static_cast<double>(problem.positions);
  for (int64_t n = 0; n < problem.samples; ++n) {
    std::vector<GroupSolver<T>> solvers;
    std::vector<double> scores;
    for (const auto& block : problem.groups.blocks) {
      for (int64_t k = 0; k < block.classes; ++k) {
        solvers.push_back({problem, n, block.first_channel + k * block.channels, block.channels});
        scores.push_back(solvers.back().score());
      }
    }
    const double largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (const double score : scores) sum += std::exp(score - largest);
    const double log_sum = std::log(sum) + largest;
    for (size_t k = 0; k < scores.size(); ++k) {
      answer.discriminality += problem.share(n, static_cast<int64_t>(k)) * (log_sum - scores[k]) / samples;
    }

    const auto weights = weights_of_classes(problem, n, scores, log_sum);
    for (size_t k = 0; k < solvers.size(); ++k) {
      const auto& solver = solvers[k];
      const auto channels = static_cast<double>(solver.channels);
      const auto softmax = solver.softmax();
      const auto s = [&](int64_t j, int64_t p) { return softmax[j * problem.positions + p]; };
      std::vector<int64_t> winner(problem.positions);
      std::vector<double> won(solver.channels);
      for (int64_t p = 0; p < problem.positions; ++p) {
        winner[p] = solver.first_largest([&](int64_t j) { return s(j, p); });
        won[winner[p]] += s(winner[p], p);
        for (int64_t j = 0; j < solver.channels; ++j) {
          const bool rival = s(j, p) != s(winner[p], p) && s(j, p) > s(winner[p], p) * (1 - 1e-5);
          answer.ambiguous = answer.ambiguous || (rival && problem.max_coverage);
        }
      }
      double h = problem.max_coverage ? 0 : 1;
      if (problem.max_coverage) {
        for (const double share : won) h += share;
      }
      answer.diversity += weights[k] * (1 - h / channels) / samples;
      const double share = problem.share(n, static_cast<int64_t>(k));
      const double score_slope =
          problem.alpha * (std::exp(scores[k] - log_sum) - share) / samples / positions;
      const double coverage_slope = -problem.beta / samples * weights[k] / channels;
      for (int64_t p = 0; p < problem.positions; ++p) {
        const int64_t scored = solver.score_winner(p);
        for (int64_t j = 0; j < solver.channels; ++j) {
          double slope = problem.max_score ? (scored == j ? score_slope * solver.kept(j) : 0)
                                           : score_slope * solver.kept(j) / channels;
          if (problem.max_coverage) slope += coverage_slope * s(j, p) * ((winner[p] == j ? 1 : 0) - won[j]);
          answer.gradient[problem.place(n, solver.first + j, p)] = slope;
        }
      }
    }
  }
  return answer;
}

template LossProblem<float> random_problem(std::mt19937_64&);
template LossProblem<double> random_problem(std::mt19937_64&);
template LossAnswer solve(const LossProblem<float>&);
template LossAnswer solve(const LossProblem<double>&);

}  // namespace mcloss::test
