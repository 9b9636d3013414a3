#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <torch/library.h>

#include "../prepare_images.h"
#include "prepare_rows.h"

namespace mcloss::cpu {
namespace {

// What makes a thread worth its start.
constexpr int64_t kPixelsAtLeast = 16384;

template <class T>
void write_rows(const PrepareArguments& arguments) {
  const PrepareRows<T> rows(arguments);
  const int64_t height = arguments.height;
  const int64_t grain = 1 + kPixelsAtLeast / (1 + arguments.width);
  at::parallel_for(0, arguments.samples * height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) rows.write(row / height, static_cast<int>(row % height));
  });
}

at::Tensor prepare_images_cpu(const at::Tensor& pixels, at::IntArrayRef size, at::ArrayRef<double> mean,
                              at::ArrayRef<double> std, const std::optional<at::Tensor>& windows,
                              at::ArrayRef<double> fill, const std::optional<at::Tensor>& erased,
                              at::ArrayRef<double> erased_color, std::optional<at::ScalarType> dtype) {
  const auto problem = make_prepare_problem(pixels, size, windows, erased, dtype);
  const auto arguments = make_prepare_arguments(problem, mean, std, fill, erased_color);
  switch (problem.output.scalar_type()) {
    case at::kHalf:
      write_rows<c10::Half>(arguments);
      break;
    case at::kBFloat16:
      write_rows<c10::BFloat16>(arguments);
      break;
    default:
      write_rows<float>(arguments);
  }
  return problem.output;
}

}  // namespace
}  // namespace mcloss::cpu

TORCH_LIBRARY_IMPL(mcloss, CPU, library) {
  library.impl("prepare_images", &mcloss::cpu::prepare_images_cpu);
}
