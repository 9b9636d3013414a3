#include "prepare_batch.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include "../ops/prepare_images.h"

namespace mcloss::data {
namespace {

constexpr int64_t kBilinear = 0;
constexpr int64_t kZeros = 0;
constexpr Rgb kBlack{0, 0, 0};
constexpr Rgb kOnes{1, 1, 1};

at::Tensor per_channel(const Rgb& values, const at::Tensor& like) {
  return at::tensor(at::ArrayRef<double>(values), like.options()).view({1, 3, 1, 1});
}

// Sampling reads zeros outside the image; shifting by the fill colour makes those zeros mean it.
at::Tensor warp(const at::Tensor& images, const at::Tensor& theta, const Rgb& fill, at::IntArrayRef size) {
  const auto background = per_channel(fill, images) / 255;
  const auto grid =
      at::affine_grid_generator(theta.to(images.device()), {images.size(0), 3, size[0], size[1]}, false);
  return at::grid_sampler(images - background, grid, kBilinear, kZeros, false) + background;
}

at::Tensor recolor(const at::Tensor& images, const at::Tensor& color, const at::Tensor& contrast) {
  const auto matrix = color.to(images.device());
  const auto strength = contrast.to(images.device()).view({-1, 1, 1, 1});
  // ITU-R 601 luma, as torchvision's rgb_to_grayscale.
  const auto mean = (images * per_channel({0.2989, 0.587, 0.114}, images)).sum(1, true).mean({2, 3}, true);
  const auto stretched = mean + strength * (images - mean);
  return at::bmm(matrix, stretched.flatten(2)).clamp(0, 1).view_as(images);
}

at::Tensor erase(const at::Tensor& images, const at::Tensor& erased, const Rgb& color) {
  const auto boxes = erased.to(images.device()).view({-1, 4, 1, 1, 1});
  const auto inside = [&](int64_t axis, int64_t dimension, at::IntArrayRef shape) {
    const auto places = at::arange(images.size(dimension), boxes.options()).view(shape);
    const auto start = boxes.select(1, axis);
    return (places >= start) & (places < start + boxes.select(1, axis + 2));
  };
  return at::where(inside(0, 2, {-1, 1}) & inside(1, 3, {1, -1}), per_channel(color, images), images);
}

}  // namespace

at::Tensor prepare_batch(const at::Tensor& pixels, const Preparation& preparation, c10::Device device) {
  const auto& [size, windows, theta, color, contrast, erased, erased_color, mean, std, fill] = preparation;
  const auto moved = pixels.to(device, /*non_blocking=*/true);
  if (!theta && !color) {
    return mcloss::prepare_images(moved, size, mean, std, windows, fill, erased, erased_color, std::nullopt);
  }
  auto images = mcloss::prepare_images(moved, theta ? moved.sizes().slice(1, 2) : at::IntArrayRef(size),
                                       kBlack, kOnes, windows, fill, std::nullopt, kBlack, std::nullopt);
  if (theta) images = warp(images, *theta, fill, size);
  if (color) images = recolor(images, *color, *contrast);
  images = (images - per_channel(mean, images)) / per_channel(std, images);
  if (erased) images = erase(images, *erased, erased_color);
  return images.contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace mcloss::data
