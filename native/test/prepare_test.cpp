// Compares mcloss::prepare_images' kernels, the CPU's and the CUDA one's body, with a plain formula on random
// cases in memory of exactly the right size, so that a step beyond it is seen.
//   prepare_test [cases [seed]]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "../ops/cpu/prepare_rows.h"
#include "../ops/cuda/prepare_body.h"

namespace mcloss::test {
namespace {

struct Problem {
  std::vector<uint8_t> pixels;
  std::vector<int32_t> windows;
  std::vector<int32_t> erased;
  PrepareArguments arguments{};

  size_t elements() const {
    return static_cast<size_t>(arguments.samples) * arguments.height * arguments.width * 3;
  }
};

Problem draw_problem(std::mt19937_64& random) {
  const auto draw = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  Problem problem;
  PrepareArguments& a = problem.arguments;
  a.samples = draw(1, 3);
  a.in_height = draw(1, 9);
  a.in_width = draw(1, 9);
  a.height = draw(1, 12);
  a.width = draw(1, 12);
  for (int c = 0; c < 3; ++c) {
    a.mean[c] = static_cast<float>(draw(0, 10)) / 10;
    a.std[c] = static_cast<float>(draw(1, 10)) / 10;
    a.fill[c] = static_cast<float>(draw(0, 255));
    a.erased_color[c] = static_cast<float>(draw(-5, 5));
  }
  problem.pixels.resize(static_cast<size_t>(a.samples) * a.in_height * a.in_width * 3);
  for (auto& pixel : problem.pixels) pixel = static_cast<uint8_t>(draw(0, 255));
  for (int64_t n = 0; n < a.samples; ++n) {
    problem.windows.insert(problem.windows.end(), {draw(-14, 11), draw(-14, 11), draw(0, 1)});
    problem.erased.insert(problem.erased.end(), {draw(-3, 12), draw(-3, 12), draw(0, 9), draw(0, 9)});
  }
  a.pixels = problem.pixels.data();
  a.windows = draw(0, 3) > 0 ? problem.windows.data() : nullptr;
  a.erased = draw(0, 1) > 0 ? problem.erased.data() : nullptr;
  return problem;
}

float expected_at(const PrepareArguments& a, int64_t n, int y, int x, int c) {
  const int32_t* box = a.erased ? a.erased + n * 4 : nullptr;
  if (box && y >= box[0] && y < box[0] + box[2] && x >= box[1] && x < box[1] + box[3])
    return a.erased_color[c];
  const int32_t* window = a.windows ? a.windows + n * 3 : nullptr;
  const int row = window ? window[0] + y : y;
  const int from_left = window && window[2] ? a.width - 1 - x : x;
  const int column = window ? window[1] + from_left : from_left;
  const bool inside = row >= 0 && row < a.in_height && column >= 0 && column < a.in_width;
  const float value = inside ? a.pixels[((n * a.in_height + row) * a.in_width + column) * 3 + c] : a.fill[c];
  return (value / 255.0F - a.mean[c]) / a.std[c];
}

bool check(std::mt19937_64& random) {
  Problem problem = draw_problem(random);
  PrepareArguments& a = problem.arguments;
  std::vector<float> expected;
  for (int64_t n = 0; n < a.samples; ++n) {
    for (int y = 0; y < a.height; ++y) {
      for (int x = 0; x < a.width; ++x) {
        for (int c = 0; c < 3; ++c) expected.push_back(expected_at(a, n, y, x, c));
      }
    }
  }
  std::vector<float> rows(problem.elements());
  a.output = rows.data();
  const cpu::PrepareRows<float> writer(a);
  for (int64_t n = 0; n < a.samples; ++n) {
    for (int y = 0; y < a.height; ++y) writer.write(n, y);
  }
  std::vector<float> emulated(problem.elements());
  a.output = emulated.data();
  for (int n = 0; n < a.samples; ++n) {
    for (int i = 0; i < a.height * a.width; ++i) cuda::prepare_pixel<float>(a, n, i);
  }
  return rows == expected && emulated == expected;
}

}  // namespace
}  // namespace mcloss::test

int main(int count, char** values) {
  const int cases = count > 1 ? std::atoi(values[1]) : 2000;
  const auto seed = count > 2 ? std::strtoull(values[2], nullptr, 10) : 1ULL;
  int failed = 0;
  for (int i = 0; i < cases; ++i) {
    std::mt19937_64 random(seed + i);
    if (mcloss::test::check(random)) continue;
    std::printf("again: prepare_test 1 %llu\n", static_cast<unsigned long long>(seed + i));
    ++failed;
  }
  std::printf("prepare_images: %d passed, %d failed\n", cases - failed, failed);
  return failed == 0 ? 0 : 1;
}
