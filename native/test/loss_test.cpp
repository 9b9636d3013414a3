// Compares the fused loss, for every instruction set and as the CUDA kernels' bodies on an emulated device,
// with the formulas in float64 on random cases. It needs LibTorch's headers and libc10 but neither Node nor a
// GPU, so that it can be built with the address sanitizer.
//   loss_test [cases [seed]]

#define MCLOSS_EMULATED
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "../ops/cpu/sample_pass.h"
#include "../ops/cpu/supported_kernels.h"
#include "../ops/cuda/channel_table.h"
#include "../ops/cuda/fused_body.h"
#include "../ops/cuda/philox.h"
#include "loss_problem.h"

namespace mcloss::test {
namespace {

// Results in memory of exactly the right size, so that a step beyond it is seen.
template <class T>
struct Result {
  double discriminality = 0;
  double diversity = 0;
  std::vector<T> gradient;
};

// How the CPU shares a sample out and writes its gradient.
struct CpuWay {
  bool fits_cache;
  int64_t parts;
};

template <class S, class T>
Result<S> run_cpu(const LossProblem<T>& problem, const cpu::GroupKernel<T>& kernel, CpuWay way) {
  const FusedOptions options{problem.alpha, problem.beta, problem.max_score, problem.max_coverage, true};
  const cpu::SampleLayout layout{problem.groups.channels, problem.positions, problem.channels_last,
                                 way.fits_cache};
  const cpu::LossPlan<S, T> plan(problem.groups, layout, options, kernel);
  const auto parts = std::min<int64_t>(way.parts, static_cast<int64_t>(plan.batches.size()));
  const std::vector<S> features(problem.features.begin(), problem.features.end());
  const int64_t classes = problem.groups.classes;
  std::vector<T> scores(classes), covered(plan.batches.size());
  const cpu::AlignedBuffer<int16_t> winner(classes * plan.workspace_stride);
  Result<S> result;
  result.gradient.resize(features.size());
  const auto samples = static_cast<double>(problem.samples);
  cpu::SamplePass<S, T> pass(plan, plan.most_channels_of(parts), parts == 1);
  for (int64_t n = 0; n < problem.samples; ++n) {
    const int64_t start = problem.place(n, 0, 0);
    const cpu::Sample<S, T> sample{
        &features[start],  &result.gradient[start], &problem.mask[n * problem.groups.channels],
        problem.labels[n], scores.data(),           problem.max_score ? winner.data() : nullptr,
        covered.data()};
    for (int64_t i = 0; i < parts; ++i) pass.score(sample, cpu::part_of(plan.batches, i, parts));
    const T log_sum = cpu::log_sum_exp(scores.data(), classes);
    for (int64_t i = 0; i < parts; ++i) {
      pass.differentiate(sample, cpu::part_of(plan.batches, i, parts), log_sum, problem.alpha / samples,
                         problem.beta / samples);
    }
    result.discriminality += (log_sum - scores[problem.labels[n]]) / samples;
    T sum = 0;
    for (const T share : covered) sum += share;
    result.diversity += (1 - sum / static_cast<T>(classes)) / samples;
  }
  return result;
}

template <class Body>
void run_block(Body body) {
  emulated::run_block(
      64, [](void* context) { (*static_cast<Body*>(context))(); }, &body);
}

template <class T, bool kStaged>
Result<T> run_emulated(const LossProblem<T>& problem) {
  const int64_t channels = problem.groups.channels;
  const auto samples = static_cast<int>(problem.samples);
  const auto classes = static_cast<int>(problem.groups.classes);
  Result<T> result;
  result.gradient.resize(problem.features.size());
  std::vector<T> scores(samples * classes), covered(samples * classes), entropy(samples), terms(3);
  cuda::FusedArguments a{};
  a.features = problem.features.data();
  a.gradient = result.gradient.data();
  a.labels = problem.labels.data();
  a.mask = problem.mask.data();
  a.alpha = problem.alpha;
  a.beta = problem.beta;
  a.mask_stride = channels;
  a.sample_stride = channels * problem.positions;
  a.channel_stride = problem.channels_last ? 1 : problem.positions;
  a.position_stride = problem.channels_last ? channels : 1;
  a.samples = samples;
  a.classes = classes;
  a.positions = static_cast<int>(problem.positions);
  a.max_score = problem.max_score;
  a.max_coverage = problem.max_coverage;
  a.table = cuda::make_channel_table(problem.groups);
  a.scores = scores.data();
  a.covered = covered.data();
  a.entropy = entropy.data();
  a.loss = &terms[0];
  a.discriminality = &terms[1];
  a.diversity = &terms[2];

  int64_t widest = 0;
  for (const auto& block : problem.groups.blocks) widest = std::max(widest, block.channels);
  const int64_t bytes = cuda::shared_bytes(static_cast<int>(widest), a.positions, sizeof(T), kStaged);
  std::vector<double> shared((bytes + sizeof(double) - 1) / sizeof(double));
  auto* room = reinterpret_cast<T*>(shared.data());
  for (int n = 0; n < samples; ++n) {
    for (int k = 0; k < classes; ++k) run_block([&] { cuda::score_group<T, T>(a, k, n, room); });
    for (int k = 0; k < classes; ++k) {
      run_block([&] { cuda::GroupPass<T, T, kStaged>(a, k, n, shared.data()).run(); });
    }
  }
  run_block([&] { cuda::write_losses<T>(a, room); });
  result.discriminality = terms[1];
  result.diversity = terms[2];
  return result;
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

// The same with features of a half type.
template <class S>
bool check_half(LossProblem<float> problem) {
  for (float& value : problem.features) value = static_cast<float>(static_cast<S>(value));
  return check_cpu<S>(problem, solve(problem));
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
  good = agrees("CUDA, staged", problem, answer, run_emulated<T, true>(problem)) && good;
  return agrees("CUDA, not staged", problem, answer, run_emulated<T, false>(problem)) && good;
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
  failed += !check_conversion<c10::BFloat16>(&cpu::GroupKernel<float>::bfloat16);
  failed += !check_conversion<c10::Half>(&cpu::GroupKernel<float>::half);
  for (int i = 0; i < cases; ++i) {
    std::mt19937_64 random(seed + i);
    const bool good = i % 2 == 0 ? check<float>(random) : check<double>(random);
    if (!good) std::printf("again: loss_test 1 %llu\n", static_cast<unsigned long long>(seed + i));
    failed += !good;
  }
  std::printf("%d passed, %d failed\n", cases + 4 - failed, failed);
  return failed == 0 ? 0 : 1;
}
