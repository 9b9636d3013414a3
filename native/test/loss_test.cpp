// Compares the fused loss, for every instruction set and as the CUDA kernels' bodies on an emulated device,
// with the formulas in float64 on random cases. It needs LibTorch's headers and libc10 but neither Node nor a
// GPU, so that it can be built with the address sanitizer.
//   loss_test [cases [seed]]

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <type_traits>

#include "../ops/cpu/sample_pass.h"
#include "../ops/cpu/supported_kernels.h"
#include "../ops/cuda/philox.h"
#include "../ops/cuda/scale_body.h"
#include "emulated_launch.h"
#include "loss_problem.h"

namespace mcloss::test {
namespace {

// How the CPU shares a sample out and writes its gradient.
struct CpuWay {
  bool fits_cache;
  int64_t parts;
};

template <class S, class T>
Result<S> run_cpu(const LossProblem<T>& problem, const cpu::GroupKernel<T>& kernel, CpuWay way) {
  const FusedOptions options{problem.alpha,        problem.beta,           problem.max_score,
                             problem.max_coverage, problem.diversity_over, true};
  const cpu::SampleLayout layout{problem.groups.channels, problem.positions, problem.channels_last,
                                 way.fits_cache};
  const cpu::LossPlan<S, T> plan(problem.groups, layout, options, kernel);
  const auto parts = std::min<int64_t>(way.parts, static_cast<int64_t>(plan.batches.size()));
  const std::vector<S> features(problem.features.begin(), problem.features.end());
  const int64_t classes = problem.groups.classes;
  std::vector<T> scores(classes), covered(classes);
  const cpu::AlignedBuffer<int16_t> winner(classes * plan.workspace_stride);
  Result<S> result;
  result.gradient.resize(features.size());
  const auto samples = static_cast<double>(problem.samples);
  cpu::SamplePass<S, T> pass(plan, plan.most_channels_of(parts), parts == 1);
  for (int64_t n = 0; n < problem.samples; ++n) {
    const int64_t start = problem.place(n, 0, 0);
    const cpu::Sample<S, T> sample{&features[start],
                                   &result.gradient[start],
                                   &problem.mask[n * problem.groups.channels],
                                   problem.labels[n],
                                   scores.data(),
                                   problem.max_score ? winner.data() : nullptr,
                                   covered.data(),
                                   problem.targets.empty() ? nullptr : &problem.targets[n * classes]};
    for (int64_t i = 0; i < parts; ++i) pass.score(sample, cpu::part_of(plan.batches, i, parts));
    const T log_sum = cpu::log_sum_exp(scores.data(), classes);
    for (int64_t i = 0; i < parts; ++i) {
      pass.differentiate(sample, cpu::part_of(plan.batches, i, parts), log_sum, problem.alpha / samples,
                         problem.beta / samples);
    }
    result.discriminality += cpu::cross_entropy_of(sample, classes, log_sum) / samples;
    result.diversity += cpu::diversity_of(plan, sample, log_sum) / samples;
  }
  return result;
}

// One launch. Each feature is read once and each element of the gradient written once, or it says so.
template <class S, class T>
Result<S> run_at_once(const LossProblem<T>& problem, int past, bool with_gradient = true,
                      int64_t tile_classes = 2) {
  EmulatedLaunch<S, T> launch(problem, past, with_gradient);
  launch.plan_for(tile_classes);
  emulated::traffic() = {};
  launch.run_at_once(2);
  const auto bytes = static_cast<int64_t>(problem.features.size() * sizeof(S));
  const auto& traffic = emulated::traffic();
  const bool once = traffic.read == bytes && traffic.written == (with_gradient ? bytes : 0);
  if (!once) throw std::logic_error("features are not read once, or gradients not written once");
  return launch.result();
}

template <class S, class T, bool kStaged>
Result<S> run_in_chunks(const LossProblem<T>& problem) {
  EmulatedLaunch<S, T> launch(problem, 0, true);
  launch.plan_for(kStaged ? 2 : 0);
  const auto& a = launch.a;
  for (int n = 0; n < a.samples; ++n) {
    const auto tiles = static_cast<unsigned>(a.tiles);
    launch.run(tiles, [&](void* memory, unsigned* room) {
      cuda::run_scores<S, T, kStaged>(a, static_cast<int>(blockIdx.x), n, memory, room);
    });
    launch.run(tiles, [&](void* memory, unsigned*) {
      cuda::run_coverage<S, T, kStaged>(a, static_cast<int>(blockIdx.x), n, memory);
    });
  }
  launch.run(1, [&](void* memory, unsigned*) { cuda::write_losses<T>(a, static_cast<T*>(memory)); });
  return launch.result();
}

struct Tolerance {
  double loss;
  double step;  // of an element of the gradient by itself: what its type rounds
};

template <class S>
Tolerance tolerance() {
  if (std::is_same_v<S, double>) return {1e-11, 0};
  // float16's smallest number is 2^-24.
  if (std::is_same_v<S, c10::Half>) return {2e-5, 0x1p-10};
  return {2e-5, std::is_same_v<S, c10::BFloat16> ? 0x1p-8 : 0};
}

bool close(double actual, double expected, double tolerance) {
  return std::abs(actual - expected) <= tolerance * (1 + std::abs(expected));
}

template <class S, class T>
bool agrees(const char* name, const LossProblem<T>& problem, const LossAnswer& answer,
            const Result<S>& result) {
  const auto [loss, step] = tolerance<S>();
  bool good = close(result.discriminality, answer.discriminality, loss) &&
              close(result.diversity, answer.diversity, loss);
  for (size_t i = 0; good && !answer.ambiguous && i < answer.gradient.size(); ++i) {
    const double expected = answer.gradient[i];
    good = close(static_cast<double>(result.gradient[i]), expected, loss + step * std::abs(expected));
  }
  if (good) return true;
  std::printf(
      "%s, %zu bytes: %lld samples, %lld classes, %lld channels, %lld positions%s: got %.9g %.9g, expected "
      "%.9g %.9g\n",
      name, sizeof(S), static_cast<long long>(problem.samples),
      static_cast<long long>(problem.groups.classes), static_cast<long long>(problem.groups.channels),
      static_cast<long long>(problem.positions), problem.channels_last ? ", channels_last" : "",
      result.discriminality, result.diversity, answer.discriminality, answer.diversity);
  return false;
}

// On every instruction set and in every way that samples are shared out.
template <class S, class T>
bool check_cpu(const LossProblem<T>& problem, const LossAnswer& answer) {
  bool good = true;
  for (const auto& [name, kernel] : cpu::supported_kernels<T>()) {
    for (const CpuWay way : {CpuWay{true, 1}, CpuWay{false, 1}, CpuWay{false, 3}}) {
      good = agrees(name, problem, answer, run_cpu<S>(problem, kernel, way)) && good;
    }
  }
  return good;
}

// The CUDA kernels' bodies. What begins on a pack and what does not, by turns.
template <class S, class T>
bool check_cuda(const LossProblem<T>& problem, const LossAnswer& answer) {
  const int past = static_cast<int>(problem.features.size() % cuda::Pack<S>::kSize);
  bool good = agrees("CUDA, in chunks, not staged", problem, answer, run_in_chunks<S, T, false>(problem));
  good = agrees("CUDA, in chunks", problem, answer, run_in_chunks<S, T, true>(problem)) && good;
  const auto at_once = run_at_once<S>(problem, past);
  good = agrees("CUDA, at once", problem, answer, at_once) && good;
  const auto forward = run_at_once<S>(problem, past, false);
  if (forward.discriminality == at_once.discriminality && forward.diversity == at_once.diversity) return good;
  std::printf("CUDA: the losses differ where no gradient is asked for\n");
  return false;
}

// The same with features of a half type.
template <class S>
bool check_half(LossProblem<float> problem) {
  for (float& value : problem.features) value = static_cast<float>(static_cast<S>(value));
  const auto answer = solve(problem);
  return check_cpu<S>(problem, answer) && check_cuda<S>(problem, answer);
}

template <class T>
bool check(std::mt19937_64& random) {
  const auto problem = random_problem<T>(random);
  const auto answer = solve(problem);
  bool good = check_cpu<T>(problem, answer);
  if constexpr (std::is_same_v<T, float>) {
    good = check_half<c10::BFloat16>(problem) && good;
    good = check_half<c10::Half>(problem) && good;
  }
  return check_cuda<T>(problem, answer) && good;
}

// In both layouts whole packs move where channels and positions allow it.
bool check_packs() {
  LossProblem<float> problem;
  problem.groups = {{{16, 3, 0}}, 16, 48};
  problem.samples = 2;
  problem.positions = 49;
  problem.max_score = problem.max_coverage = true;
  problem.alpha = 1.5;
  problem.beta = 20;
  problem.features.resize(problem.samples * 48 * 49, 1);
  problem.labels = {3, 15};
  problem.mask.resize(problem.samples * 48, 1);
  bool good = true;
  for (const bool channels_last : {false, true}) {
    problem.channels_last = channels_last;
    run_at_once<float>(problem, 0, true, 5);
    const auto packs = static_cast<int64_t>(problem.features.size()) / 4;
    // The ends of tiles, where they are not whole packs.
    good = good && emulated::traffic().reads <= packs + 64 && emulated::traffic().writes <= packs + 64;
  }
  if (!good) std::printf("features or gradients are not moved in packs of 16 bytes\n");
  return good;
}

bool check_scaling() {
  bool good = true;
  for (int past = 0; past < 4; ++past) {
    for (const int count : {1, 3, 4, 5, 131, 1030}) {
      std::vector<float> room(count + 8, 1);
      float* first = room.data();
      while (cuda::past_pack(first) != past) ++first;
      run_grid(2, [&] { cuda::scale_values(first, count, 3.0F); });
      for (float* value = room.data(); value < room.data() + room.size(); ++value) {
        good = good && *value == (value >= first && value < first + count ? 3 : 1);
      }
    }
  }
  if (!good) std::printf("scale_values does not scale each element once\n");
  return good;
}

// Every half there is, and floats about each.
template <class S>
bool check_conversion(cpu::HalfConversion cpu::GroupKernel<float>::*conversion) {
  bool good = true;
  for (const auto& [name, kernel] : cpu::supported_kernels<float>()) {
    std::vector<uint16_t> bits(1 << 16);
    std::iota(bits.begin(), bits.end(), uint16_t{0});
    std::vector<float> wide(bits.size());
    (kernel.*conversion).widen(bits.data(), wide.data(), static_cast<int64_t>(bits.size()));
    std::vector<float> values;
    for (size_t i = 0; i < bits.size(); ++i) {
      const auto expected = static_cast<float>(std::bit_cast<S>(bits[i]));
      good = good && (wide[i] == expected || (wide[i] != wide[i] && expected != expected));
      for (const float factor : {1.0F, 1.00003F, 1.001F, 0.9999F, 1 + 0x1p-11F, 1 + 0x1p-9F}) {
        values.push_back(expected * factor);
      }
    }
    std::vector<uint16_t> narrow(values.size());
    (kernel.*conversion).narrow(values.data(), narrow.data(), static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) {
      const auto actual = static_cast<float>(std::bit_cast<S>(narrow[i]));
      const auto expected = static_cast<float>(static_cast<S>(values[i]));
      good = good &&
             (values[i] != values[i] ? actual != actual
                                     : std::bit_cast<uint32_t>(actual) == std::bit_cast<uint32_t>(expected));
    }
    if (!good) std::printf("%s: a half type is not converted as c10 does it\n", name);
  }
  return good;
}

// The known answers of Random123's own test, kat_vectors.
bool check_philox() {
  const auto zeros = cuda::philox(0, 0, 0);
  const auto ones = cuda::philox(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0});
  const uint32_t of_zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  const uint32_t of_ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  const bool good = std::memcmp(zeros.words, of_zeros, sizeof(of_zeros)) == 0 &&
                    std::memcmp(ones.words, of_ones, sizeof(of_ones)) == 0;
  if (!good) std::printf("philox differs from its known answers\n");
  return good;
}

// Each of the 10 pairs of 5 channels about equally often: within 5 standard deviations.
bool check_subsets() {
  constexpr int kDraws = 100000;
  int seen[32] = {};
  for (int i = 0; i < kDraws; ++i) {
    uint8_t mask[5];
    cuda::draw_subset(42, i, 0, 5, 2, mask);
    int bits = 0;
    for (int j = 0; j < 5; ++j) bits |= mask[j] << j;
    ++seen[bits];
  }
  bool good = true;
  for (int bits = 0; bits < 32; ++bits) {
    const bool is_pair = __builtin_popcount(bits) == 2;
    good = good && (is_pair ? std::abs(seen[bits] - kDraws / 10) < 5 * 95 : seen[bits] == 0);
  }
  if (!good) std::printf("draw_subset is not uniform over the pairs\n");
  return good;
}

}  // namespace
}  // namespace mcloss::test

int main(int count, char** values) {
  using namespace mcloss;
  using namespace mcloss::test;
  const int cases = count > 1 ? std::atoi(values[1]) : 60;
  const auto seed = count > 2 ? std::strtoull(values[2], nullptr, 10) : 1ULL;
  int failed = 0;
  failed += !check_philox();
  failed += !check_subsets();
  failed += !check_packs();
  failed += !check_scaling();
  failed += !check_conversion<c10::BFloat16>(&cpu::GroupKernel<float>::bfloat16);
  failed += !check_conversion<c10::Half>(&cpu::GroupKernel<float>::half);
  for (int i = 0; i < cases; ++i) {
    std::mt19937_64 random(seed + i);
    const bool good = i % 2 == 0 ? check<float>(random) : check<double>(random);
    if (!good) std::printf("again: loss_test 1 %llu\n", static_cast<unsigned long long>(seed + i));
    failed += !good;
  }
  std::printf("%d passed, %d failed\n", cases + 6 - failed, failed);
  return failed == 0 ? 0 : 1;
}
