#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../ops/cuda/channel_table.h"
#include "../ops/cuda/fused_body.h"
#include "../ops/cuda/tiling.h"
#include "loss_problem.h"

namespace mcloss::test {

// Results in memory of exactly the right size, so that a step beyond it is seen.
template <class T>
struct Result {
  double discriminality = 0;
  double diversity = 0;
  std::vector<T> gradient;
};

template <class Body>
void run_grid(unsigned blocks, Body body) {
  constexpr unsigned kThreads = 64;
  emulated::run_grid(
      blocks, kThreads, [](void* context) { (*static_cast<Body*>(context))(); }, &body);
}

// The memory of a launch on the emulated device, and its arguments.
template <class S, class T>
class EmulatedLaunch {
 public:
  // Features and gradients begin `past` elements past a pack, as a view's may.
  EmulatedLaunch(const LossProblem<T>& problem, int past, bool with_gradient)
      : size_(problem.features.size()),
        features_(size_ + kPad),
        gradient_(size_ + kPad),
        scores_(problem.samples * problem.groups.classes),
        covered_(scores_.size()),
        log_sums_(problem.samples),
        entropy_(problem.samples),
        counters_(2 + 2 * problem.samples) {
    std::copy(problem.features.begin(), problem.features.end(), from_pack(features_) + past);
    a.features = from_pack(features_) + past;
    a.gradient = with_gradient ? from_pack(gradient_) + past : nullptr;
    a.labels = problem.targets.empty() ? problem.labels.data() : nullptr;
    a.targets = problem.targets.empty() ? nullptr : problem.targets.data();
    a.mask = problem.mask.data();
    a.alpha = problem.alpha;
    a.beta = problem.beta;
    a.mask_stride = static_cast<int>(problem.groups.channels);
    a.sample_stride = problem.groups.channels * problem.positions;
    a.samples = static_cast<int>(problem.samples);
    a.classes = static_cast<int>(problem.groups.classes);
    a.channels = static_cast<int>(problem.groups.channels);
    a.positions = static_cast<int>(problem.positions);
    a.channels_last = problem.channels_last;
    a.max_score = problem.max_score;
    a.max_coverage = problem.max_coverage;
    a.diversity_over = problem.diversity_over;
    a.table = cuda::make_channel_table(problem.groups);
    a.scores = scores_.data();
    a.covered = covered_.data();
    a.log_sums = log_sums_.data();
    a.entropy = entropy_.data();
    a.counters = counters_.data();
    a.loss = &terms_[0];
    a.discriminality = &terms_[1];
    a.diversity = &terms_[2];
  }
  EmulatedLaunch(const EmulatedLaunch&) = delete;

  // For such a device.
  void plan(const cuda::GpuLimits& gpu) {
    cuda::plan_tiles(a, sizeof(T), cuda::Pack<S>::kSize, gpu);
    if (a.staged) return;
    winners_.resize(scores_.size() * 2 * a.positions);
    a.winners = winners_.data();
  }

  // For tiles of so many of the widest classes; 0 for tiles that are not staged.
  void plan_for(int64_t classes) {
    if (classes == 0) return plan({1, 0, 0});
    constexpr int64_t kPlenty = int64_t{1} << 30;
    plan({1, kPlenty, kPlenty});
    const int64_t bytes = cuda::tile_bytes(classes, cuda::widest_group(a.table), a, sizeof(T));
    plan({1, 4 * (bytes + 1024), bytes});
  }

  // As few blocks as can make the gradient, or `blocks` without one.
  void run_at_once(int blocks) {
    const int most = a.samples * a.tiles;
    run(std::min(most, a.gradient ? a.tiles : blocks),
        [this](void* memory, unsigned* room) { cuda::run_fused<S, T>(a, memory, room); });
  }

  // Calls body(shared memory, a number that a block shares) in each thread.
  void run(int blocks, const auto& body) {
    std::vector<std::vector<double>> shared(blocks);
    std::vector<unsigned> rooms(blocks);
    const auto doubles = (cuda::shared_bytes(a, sizeof(T)) + sizeof(double) - 1) / sizeof(double);
    for (auto& memory : shared) memory.resize(doubles);
    run_grid(blocks, [&] { body(shared[blockIdx.x].data(), &rooms[blockIdx.x]); });
  }

  Result<S> result() {
    const S* begin = static_cast<const S*>(a.gradient);
    return {terms_[1], terms_[2], begin ? std::vector<S>(begin, begin + size_) : std::vector<S>()};
  }

  cuda::FusedArguments a{};

 private:
  static constexpr size_t kPad = 2 * cuda::Pack<S>::kSize;
  static S* from_pack(std::vector<S>& values) {
    S* first = values.data();
    while (cuda::past_pack(first) != 0) ++first;
    return first;
  }

  size_t size_;
  std::vector<S> features_, gradient_;
  std::vector<T> scores_, covered_, log_sums_, entropy_;
  std::vector<unsigned> counters_;
  std::vector<uint16_t> winners_;
  T terms_[3] = {};
};

}  // namespace mcloss::test
