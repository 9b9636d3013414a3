// Tells how the fused kernel would take samples on GPUs, and what it moves on the emulated one, as lines of
// JSON; see bench/kernels.ts.
//   kernel_report

#include <c10/util/BFloat16.h>

#include <cstdio>
#include <cstdlib>

#include "emulated_launch.h"

namespace mcloss::test {
namespace {

struct Gpu {
  int capability;
  cuda::GpuLimits limits;
};

// CUDA C++ Programming Guide, technical specifications per compute capability; the multiprocessors of T4,
// A100, H100, B200 and RTX 5090.
constexpr int64_t kKiB = 1024;
constexpr Gpu kGpus[] = {{75, {40, 64 * kKiB, 64 * kKiB}},
                         {80, {108, 164 * kKiB, 163 * kKiB}},
                         {90, {132, 228 * kKiB, 227 * kKiB}},
                         {100, {148, 228 * kKiB, 227 * kKiB}},
                         {120, {170, 100 * kKiB, 99 * kKiB}}};

struct Shape {
  const char* name;
  std::vector<ChannelBlock> blocks;
  int64_t side;
  int64_t batch;  // of a usual step
};

const Shape kShapes[] = {{"[32, 2048, 14, 14]", {{152, 10, 0}, {48, 11, 1520}}, 14, 32},
                         {"[10, 600, 14, 14]", {{200, 3, 0}}, 14, 10},
                         {"[64, 600, 7, 7]", {{200, 3, 0}}, 7, 64}};

template <class T>
LossProblem<T> make_problem(const Shape& shape, bool channels_last) {
  LossProblem<T> problem{};
  problem.groups.blocks = shape.blocks;
  for (const auto& block : shape.blocks) {
    problem.groups.classes += block.classes;
    problem.groups.channels += block.classes * block.channels;
  }
  problem.samples = 1;
  problem.positions = shape.side * shape.side;
  problem.channels_last = channels_last;
  problem.max_score = problem.max_coverage = true;
  problem.alpha = 1.5;
  problem.beta = 20;
  problem.features.resize(problem.groups.channels * problem.positions, 1);
  problem.labels = {0};
  problem.mask.resize(problem.groups.channels, 1);
  return problem;
}

// As for the whole batch, of which one sample is emulated.
void plan(auto& launch, const Shape& shape, const Gpu& gpu) {
  launch.a.samples = static_cast<int>(shape.batch);
  launch.plan(gpu.limits);
  launch.a.samples = 1;
}

template <class S, class T>
void report(const Shape& shape, const char* type, bool channels_last) {
  const auto problem = make_problem<T>(shape, channels_last);
  EmulatedLaunch<S, T> launch(problem, 0, true);
  const auto print = [&](const char* kind, const Gpu& gpu) {
    std::printf(
        "{\"kind\": \"%s\", \"shape\": \"%s\", \"type\": \"%s\", \"channelsLast\": %s, "
        "\"capability\": %d, \"tiles\": %d, \"sharedBytes\": %lld",
        kind, shape.name, type, channels_last ? "true" : "false", gpu.capability, launch.a.tiles,
        static_cast<long long>(cuda::shared_bytes(launch.a, sizeof(T))));
  };
  for (const auto& gpu : kGpus) {
    plan(launch, shape, gpu);
    print("tiles", gpu);
    std::printf("}\n");
  }
  const Gpu& gpu = kGpus[2];
  plan(launch, shape, gpu);
  emulated::traffic() = {};
  launch.run_at_once(1);
  const auto& moved = emulated::traffic();
  print("traffic", gpu);
  std::printf(", \"bytes\": %lld, \"read\": %lld, \"reads\": %lld, \"written\": %lld, \"writes\": %lld}\n",
              static_cast<long long>(problem.features.size() * sizeof(S)), static_cast<long long>(moved.read),
              static_cast<long long>(moved.reads), static_cast<long long>(moved.written),
              static_cast<long long>(moved.writes));
}

}  // namespace
}  // namespace mcloss::test

int main() {
  using namespace mcloss::test;
  for (const auto& shape : kShapes) {
    for (const bool channels_last : {false, true}) {
      report<float, float>(shape, "float32", channels_last);
      report<c10::BFloat16, float>(shape, "bfloat16", channels_last);
    }
  }
  return 0;
}
