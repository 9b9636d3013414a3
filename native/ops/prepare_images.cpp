#include "prepare_images.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>

namespace mcloss {
namespace {

void copy_rgb(at::ArrayRef<double> values, float* rgb, const char* argument) {
  TORCH_CHECK_VALUE(values.size() == 3, argument, " must have 3 values, got ", values.size());
  std::transform(values.begin(), values.end(), rgb, [](double x) { return static_cast<float>(x); });
}

const int32_t* data_of(const at::Tensor& rows) {
  return rows.defined() ? rows.const_data_ptr<int32_t>() : nullptr;
}

// Rows of int32 where the pixels are; they may come from the host.
at::Tensor to_rows(const std::optional<at::Tensor>& rows, const at::Tensor& pixels, int64_t columns,
                   const char* argument) {
  if (!rows) return {};
  const bool fits = rows->dim() == 2 && rows->size(0) == pixels.size(0) && rows->size(1) == columns;
  TORCH_CHECK_VALUE(fits && rows->scalar_type() == at::kInt, argument, " must be int32 [", pixels.size(0),
                    ", ", columns, "], got ", rows->scalar_type(), " ", rows->sizes());
  return rows->to(pixels.device()).contiguous();
}

at::Tensor prepare_images_meta(const at::Tensor& pixels, at::IntArrayRef size, at::ArrayRef<double> /*mean*/,
                               at::ArrayRef<double> /*std*/, const std::optional<at::Tensor>& windows,
                               at::ArrayRef<double> /*fill*/, const std::optional<at::Tensor>& erased,
                               at::ArrayRef<double> /*erased_color*/, std::optional<at::ScalarType> dtype) {
  return make_prepare_problem(pixels, size, windows, erased, dtype).output;
}

}  // namespace

PrepareProblem make_prepare_problem(const at::Tensor& pixels, at::IntArrayRef size,
                                    const std::optional<at::Tensor>& windows,
                                    const std::optional<at::Tensor>& erased,
                                    std::optional<at::ScalarType> dtype) {
  TORCH_CHECK_VALUE(pixels.dim() == 4 && pixels.size(3) == 3 && pixels.scalar_type() == at::kByte,
                    "pixels must be uint8 [N, H, W, 3], got ", pixels.scalar_type(), " ", pixels.sizes());
  TORCH_CHECK_VALUE(size.size() == 2 && size[0] >= 0 && size[1] >= 0,
                    "size must be a height and a width, got ", size);
  const auto type = dtype.value_or(at::kFloat);
  TORCH_CHECK_TYPE(type == at::kFloat || type == at::kHalf || type == at::kBFloat16,
                   "dtype must be float32, float16 or bfloat16, got ", type);
  const auto options = pixels.options().dtype(type).memory_format(at::MemoryFormat::ChannelsLast);
  return {pixels.contiguous(), to_rows(windows, pixels, 3, "windows"), to_rows(erased, pixels, 4, "erased"),
          at::empty({pixels.size(0), 3, size[0], size[1]}, options)};
}

PrepareArguments make_prepare_arguments(const PrepareProblem& problem, at::ArrayRef<double> mean,
                                        at::ArrayRef<double> std, at::ArrayRef<double> fill,
                                        at::ArrayRef<double> erased_color) {
  PrepareArguments arguments{};
  arguments.pixels = problem.pixels.const_data_ptr<uint8_t>();
  arguments.output = problem.output.mutable_data_ptr();
  arguments.windows = data_of(problem.windows);
  arguments.erased = data_of(problem.erased);
  arguments.samples = problem.pixels.size(0);
  arguments.in_height = static_cast<int>(problem.pixels.size(1));
  arguments.in_width = static_cast<int>(problem.pixels.size(2));
  arguments.height = static_cast<int>(problem.output.size(2));
  arguments.width = static_cast<int>(problem.output.size(3));
  copy_rgb(mean, arguments.mean, "mean");
  copy_rgb(std, arguments.std, "std");
  copy_rgb(fill, arguments.fill, "fill");
  copy_rgb(erased_color, arguments.erased_color, "erased_color");
  return arguments;
}

at::Tensor prepare_images(const at::Tensor& pixels, at::IntArrayRef size, at::ArrayRef<double> mean,
                          at::ArrayRef<double> std, const std::optional<at::Tensor>& windows,
                          at::ArrayRef<double> fill, const std::optional<at::Tensor>& erased,
                          at::ArrayRef<double> erased_color, std::optional<at::ScalarType> dtype) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mcloss::prepare_images", "")
                             .typed<decltype(prepare_images)>();
  return op.call(pixels, size, mean, std, windows, fill, erased, erased_color, dtype);
}

}  // namespace mcloss

TORCH_LIBRARY_FRAGMENT(mcloss, library) {
  library.def(
      "prepare_images(Tensor pixels, int[] size, float[] mean, float[] std, Tensor? windows=None, float[] "
      "fill=[0., 0., 0.], Tensor? erased=None, float[] erased_color=[0., 0., 0.], ScalarType? dtype=None) -> "
      "Tensor");
}

TORCH_LIBRARY_IMPL(mcloss, Meta, library) {
  library.impl("prepare_images", &mcloss::prepare_images_meta);
}
