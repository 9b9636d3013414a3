// Compares the convolutions for inference, by each of the kernels that this processor runs, with LibTorch's
// in float64 on random cases: sides, strides and paddings of all kinds, channels that are no multiple of a
// vector, sums in place and beside, one thread and several.
//   convolution_test [cases [seed]]

#include "../ops/convolution.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

#include "../ops/cpu/convolution_kernel.h"
#include "../ops/cpu/instruction_set.h"

namespace mcloss::cpu {
namespace {

std::optional<ConvolutionKernel> chosen;

}  // namespace

const ConvolutionKernel* convolution_kernel() {
  return chosen ? &*chosen : nullptr;
}

}  // namespace mcloss::cpu

namespace mcloss::test {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Problem {
  at::Tensor input, weight, bias, other;
  PackedConvolutionOptions options;
  bool in_place;
  float low, high;
  int threads;
};

class Cases {
 public:
  explicit Cases(uint64_t seed) : random_(seed) { at::manual_seed(seed); }

  Problem draw() {
    Problem problem;
    const bool by_channel = chance(3);
    // Few, or about a few vectors of them.
    const auto draw_channels = [&] {
      return chance(2) ? between(1, 9) : 16 * between(1, 6) + between(-3, 3);
    };
    const int64_t channels = draw_channels(), outputs = by_channel ? channels : draw_channels();
    const int64_t side = chance(2) ? 3 : between(1, 7);
    const int64_t other_side = chance(5) ? between(1, 7) : side;
    const int64_t stride = chance(2) ? 1 : between(1, 3);
    auto& options = problem.options;
    options.stride = {chance(5) ? between(1, 3) : stride, stride};
    const int64_t most = chance(2) ? 0 : 3;
    options.padding = {between(0, most), between(0, most)};
    if (chance(2)) options.padding = {side / 2, other_side / 2};
    options.dilation = {1, 1};
    options.groups = by_channel ? channels : 1;
    const int64_t height = std::max<int64_t>(between(1, 20), side - 2 * options.padding[0]);
    const int64_t width = std::max<int64_t>(between(1, 20), other_side - 2 * options.padding[1]);
    problem.input = at::randn({between(1, 3), channels, height, width}).contiguous(kChannelsLast);
    problem.weight = at::randn({outputs, by_channel ? 1 : channels, side, other_side});
    if (!chance(3)) problem.bias = at::randn({outputs});
    problem.low = chance(2) ? 0 : -kInfinity;
    problem.high = chance(3) ? 6 : kInfinity;
    problem.threads = chance(3) ? 3 : 1;
    problem.in_place = chance(2);
    adds_ = chance(2);
    return problem;
  }

  bool adds() const { return adds_; }

  int64_t between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool chance(int64_t one_in) { return between(1, one_in) == 1; }

 private:
  std::mt19937_64 random_;
  bool adds_ = false;
};

at::Tensor expected_of(const Problem& problem) {
  const auto& options = problem.options;
  const auto bias = problem.bias.defined() ? std::optional(problem.bias.to(at::kDouble)) : std::nullopt;
  auto sums = at::conv2d(problem.input.to(at::kDouble), problem.weight.to(at::kDouble), bias, options.stride,
                         options.padding, options.dilation, options.groups);
  if (problem.other.defined()) sums = sums + problem.other;
  return at::clamp(sums, problem.low, problem.high);
}

bool check(uint64_t seed) {
  Cases cases(seed);
  auto problem = cases.draw();
  const auto convolution = pack_float_convolution(problem.weight, problem.bias, problem.options);
  if (!convolution) return false;
  if (cases.adds()) problem.other = at::randn(expected_of(problem).sizes()).contiguous(kChannelsLast);
  const auto expected = expected_of(problem);
  at::set_num_threads(problem.threads);
  const auto output = convolution->run(
      problem.input, {problem.other, problem.other.defined() && problem.in_place, problem.low, problem.high});
  const auto terms = static_cast<double>(problem.weight[0].numel());
  const double error = (output - expected).abs().max().item<double>();
  if (output.is_contiguous(kChannelsLast) && error < 2e-6 * (terms + 10)) return true;
  std::printf("an error of %g\n", error);
  return false;
}

// A 1×1 convolution or none, one of each channel by itself and a 1×1 one, as one and one after another.
bool check_joined(uint64_t seed) {
  Cases cases(seed);
  const bool has_first = cases.chance(2);
  const int64_t inputs = cases.between(2, 40), outputs = cases.between(1, 40);
  const int64_t channels = has_first ? 16 * cases.between(1, 20) + cases.between(-3, 3) : inputs;
  const int64_t side = 2 * cases.between(1, 3) + 1, stride = cases.between(1, 3);
  const auto pack = [](const at::Tensor& weight, std::vector<int64_t> strides, int64_t padding,
                       int64_t groups) {
    return pack_float_convolution(weight, {}, {std::move(strides), {padding, padding}, {1, 1}, groups});
  };
  const auto input =
      at::randn({cases.between(1, 2), inputs, cases.between(side, 40), cases.between(side, 40)})
          .contiguous(kChannelsLast);
  const auto first = at::randn({channels, inputs, 1, 1}), middle = at::randn({channels, 1, side, side});
  const auto last = at::randn({outputs, channels, 1, 1});
  std::vector<FloatStage> earlier;
  if (has_first) earlier.push_back({pack(first, {1, 1}, 0, 1), 0, 6});
  earlier.push_back({pack(middle, {stride, stride}, side / 2, channels), -1, kInfinity});
  const auto joined = join_float_convolutions(std::move(earlier), pack(last, {1, 1}, 0, 1));
  if (!joined) return false;
  at::set_num_threads(cases.chance(3) ? 3 : 1);
  auto expected = input.to(at::kDouble);
  if (has_first) expected = at::clamp(at::conv2d(expected, first.to(at::kDouble)), 0, 6);
  expected = at::clamp(at::conv2d(expected, middle.to(at::kDouble), {}, {stride, stride},
                                  {side / 2, side / 2}, {1, 1}, channels),
                       -1, kInfinity);
  expected = at::conv2d(expected, last.to(at::kDouble));
  const auto other = cases.chance(2) ? at::randn(expected.sizes()).contiguous(kChannelsLast) : at::Tensor();
  if (other.defined()) expected = expected + other;
  const auto output = joined->run(input, {other, false, -kInfinity, kInfinity});
  const double error = (output - expected).abs().max().item<double>();
  const double largest = expected.abs().max().item<double>();
  if (output.is_contiguous(kChannelsLast) && error < 1e-5 * (1 + largest)) return true;
  std::printf("joined: an error of %g of %g\n", error, largest);
  return false;
}

// What is not a number stays so beyond every bound.
bool keeps_nan() {
  auto input = at::randn({1, 32, 6, 6}).contiguous(kChannelsLast);
  input[0][7][2][3] = std::numeric_limits<float>::quiet_NaN();
  const auto stays = [&](const at::Tensor& weight, int64_t groups) {
    const int64_t margin = weight.size(2) / 2;
    const auto convolution = pack_float_convolution(weight, {}, {{1, 1}, {margin, margin}, {1, 1}, groups});
    return std::isnan(convolution->run(input, {{}, false, 0, 6})[0][7][2][3].item<float>());
  };
  return stays(at::randn({32, 32, 1, 1}), 1) && stays(at::randn({32, 32, 3, 3}), 1) &&
         stays(at::randn({32, 1, 3, 3}), 32);
}

struct Named {
  const char* name;
  cpu::ConvolutionKernel kernel;
};

std::vector<Named> find_kernels() {
  std::vector<Named> kernels;
  const auto has = cpu::instruction_set();
  if (has >= cpu::InstructionSet::kAvx2) kernels.push_back({"AVX2", cpu::avx2::make_convolution_kernel()});
  if (has >= cpu::InstructionSet::kAvx512) {
    kernels.push_back({"AVX-512", cpu::avx512::make_convolution_kernel()});
  }
  return kernels;
}

}  // namespace
}  // namespace mcloss::test

int main(int count, char** values) {
  const int cases = count > 1 ? std::atoi(values[1]) : 250;
  const auto seed = count > 2 ? std::strtoull(values[2], nullptr, 10) : 1ULL;
  const at::NoGradGuard no_grad;
  int ran = 0, failed = 0;
  for (const auto& [name, kernel] : mcloss::test::find_kernels()) {
    mcloss::cpu::chosen = kernel;
    for (int i = 0; i < cases; ++i) {
      if (mcloss::test::check(seed + i) && mcloss::test::check_joined(seed + i)) continue;
      std::printf("again, %s: convolution_test 1 %llu\n", name, static_cast<unsigned long long>(seed + i));
      ++failed;
    }
    if (!mcloss::test::keeps_nan()) {
      std::printf("%s: a NaN is lost\n", name);
      ++failed;
    }
    ran += cases;
  }
  std::printf("convolutions: %d passed, %d failed\n", ran - failed, failed);
  return failed == 0 ? 0 : 1;
}
