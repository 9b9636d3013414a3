// Compares batch normalisation in training, by each of the kernels that this processor runs, with LibTorch's
// in float64 on random cases: few and many places and channels, channels that are no multiple of a vector,
// values far from 0, with and without something added and bounds, one thread and several.
//   batch_norm_test [cases [seed]]

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

#include "../ops/cpu/batch_norm_cpu.h"
#include "../ops/cpu/batch_norm_kernel.h"
#include "../ops/cpu/instruction_set.h"

namespace mcloss::cpu {
namespace {

struct Kernels {
  const char* name;
  BatchNormKernel<Brain16> brain;
  BatchNormKernel<float> single;
  BatchNormKernel<double> full;
};

Kernels chosen;

}  // namespace

template <>
const BatchNormKernel<Brain16>& batch_norm_kernel() {
  return chosen.brain;
}
template <>
const BatchNormKernel<float>& batch_norm_kernel() {
  return chosen.single;
}
template <>
const BatchNormKernel<double>& batch_norm_kernel() {
  return chosen.full;
}

namespace {

#define MCLOSS_KERNELS(isa)                                                                 \
  Kernels {                                                                                 \
#isa, isa::make_batch_norm_kernel < Brain16>(), isa::make_batch_norm_kernel < float>(), \
        isa::make_batch_norm_kernel < double>()                                             \
  }

std::vector<Kernels> find_kernels() {
  std::vector<Kernels> kernels{MCLOSS_KERNELS(baseline)};
#if defined(__x86_64__)
  if (instruction_set() >= InstructionSet::kAvx2) kernels.push_back(MCLOSS_KERNELS(avx2));
  if (instruction_set() >= InstructionSet::kAvx512) kernels.push_back(MCLOSS_KERNELS(avx512));
#endif
  return kernels;
}

}  // namespace
}  // namespace mcloss::cpu

namespace mcloss::test {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Problem {
  at::Tensor input, other, gradient;
  at::Tensor weight, bias, mean, variance;
  double low, high;
};

double tolerance_of(at::ScalarType type) {
  if (type == at::kDouble) return 1e-11;
  return type == at::kFloat ? 2e-5 : 1e-2;
}

Problem draw(std::mt19937_64& random) {
  const auto between = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  const at::ScalarType types[] = {at::kDouble, at::kFloat, at::kBFloat16};
  const auto type = types[between(0, 2)];
  const auto computed = type == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t channels = between(0, 1) ? between(1, 20) : between(21, 300);
  const int64_t sides = between(0, 3) ? 12 : 40;
  const std::vector<int64_t> shape{between(1, 4), channels, between(2, sides), between(1, sides)};
  const auto images = [&] { return at::randn(shape).to(type).contiguous(kChannelsLast); };
  Problem problem;
  problem.input =
      (at::randn(shape) * 3 + static_cast<double>(between(-5, 5))).to(type).contiguous(kChannelsLast);
  if (between(0, 1)) problem.other = images();
  problem.gradient = images();
  problem.weight = at::randn({channels}, computed);
  problem.bias = at::randn({channels}, computed);
  problem.mean = at::randn({channels}, computed);
  problem.variance = at::rand({channels}, computed);
  const bool is_bounded = between(0, 3) > 0;
  problem.low = is_bounded ? 0 : -kInfinity;
  problem.high = is_bounded && between(0, 1) ? 1 : kInfinity;
  return problem;
}

bool are_near(const char* what, const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  const double scale = 1 + expected.abs().max().item<double>();
  const double error = (actual.to(at::kDouble) - expected).abs().max().item<double>() / scale;
  if (error <= tolerance) return true;
  std::printf("%s: an error of %g\n", what, error);
  return false;
}

bool check(uint64_t seed) {
  std::mt19937_64 random(seed);
  at::manual_seed(seed);
  const auto problem = draw(random);
  const auto type = problem.input.scalar_type();
  const auto in_double = [](const at::Tensor& values) { return values.to(at::kDouble); };
  const auto input = in_double(problem.input), weight = in_double(problem.weight);
  const auto mean = in_double(problem.mean).clone(), variance = in_double(problem.variance).clone();
  constexpr double kMomentum = 0.2, kEps = 1e-4;
  auto [normalized, batch_mean, deviation] =
      at::native_batch_norm(input, weight, in_double(problem.bias), mean, variance, true, kMomentum, kEps);
  if (problem.other.defined()) normalized = normalized + problem.other;
  // What is as near a bound as rounding may be clamped or not.
  const auto distance = at::minimum((normalized - problem.low).abs(), (normalized - problem.high).abs());
  const auto gradient = problem.gradient * distance.gt(type == at::kBFloat16 ? 0.02 : 1e-4);

  auto run = [&](int threads) {
    at::set_num_threads(threads);
    const auto own_mean = problem.mean.clone(), own_variance = problem.variance.clone();
    auto [output, factors] = cpu::batch_norm_forward(
        problem.input, {problem.weight, problem.bias, own_mean, own_variance, kMomentum, kEps},
        {problem.other, problem.low, problem.high});
    const bool keeps = problem.other.defined() && problem.low == 0;
    auto gradients = cpu::batch_norm_backward(gradient, problem.input, factors, keeps ? output : at::Tensor(),
                                              problem.low, problem.high, /*needs_input=*/true);
    return std::vector<at::Tensor>{output,           own_mean,       own_variance,       gradients.input,
                                   gradients.weight, gradients.bias, gradients.unclamped};
  };
  const auto found = run(1), again = run(3);
  for (size_t i = 0; i + 1 < found.size(); ++i) {
    if (found[i].equal(again[i])) continue;
    std::printf("other numbers with three threads\n");
    return false;
  }
  const auto clamped = normalized.le(problem.low).logical_or(normalized.ge(problem.high));
  const auto unclamped = in_double(gradient) * clamped.logical_not();
  const auto [of_input, of_weight, of_bias] = at::native_batch_norm_backward(
      unclamped, input, weight, {}, {}, batch_mean, deviation, true, kEps, {true, true, true});
  const double tolerance = tolerance_of(type);
  const auto count = static_cast<double>(input.numel() / input.size(1));
  const double of_sums = type == at::kBFloat16 ? 1e-2 : tolerance * std::max(1.0, std::sqrt(count) / 10);
  return found[0].is_contiguous(kChannelsLast) && found[0].scalar_type() == type &&
         are_near("output", found[0], at::clamp(normalized, problem.low, problem.high), tolerance) &&
         are_near("running mean", found[1], mean, std::min(tolerance, 2e-5)) &&
         are_near("running variance", found[2], variance, std::min(tolerance, 2e-5)) &&
         are_near("input", found[3], of_input, tolerance) &&
         are_near("weight", found[4], of_weight, of_sums) && are_near("bias", found[5], of_bias, of_sums) &&
         (problem.other.defined() == false || are_near("other", found[6], unclamped, tolerance));
}

}  // namespace
}  // namespace mcloss::test

int main(int count, char** arguments) {
  const at::NoGradGuard no_grad;
  const int cases = count > 1 ? std::atoi(arguments[1]) : 200;
  const uint64_t first = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1;
  for (const auto& kernels : mcloss::cpu::find_kernels()) {
    mcloss::cpu::chosen = kernels;
    for (int i = 0; i < cases; ++i) {
      if (mcloss::test::check(first + static_cast<uint64_t>(i))) continue;
      std::printf("%s, seed %llu\n", kernels.name, static_cast<unsigned long long>(first) + i);
      return 1;
    }
    std::printf("%s: %d cases of batch normalisation\n", kernels.name, cases);
  }
}
