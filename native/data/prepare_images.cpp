#include "prepare_images.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/tensor.h>

namespace mcloss::data {
namespace {

constexpr int64_t kBilinear = 0;
constexpr int64_t kZeros = 0;

at::Tensor per_channel(const Rgb& values, const at::Tensor& like) {
  return at::tensor(at::ArrayRef<double>(values), like.options()).view({1, 3, 1, 1});
}

// Sampling reads zeros outside the image; shifting by the fill colour makes those zeros mean it.
at::Tensor warp(const at::Tensor& images, const at::Tensor& theta, const Rgb& fill) {
  const auto background = per_channel(fill, images) / 255;
  const auto grid = at::affine_grid_generator(theta.to(images.device()), images.sizes(), false);
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

}  // namespace

at::Tensor prepare_images(const at::Tensor& pixels, const Preparation& preparation, c10::Device device) {
  auto images = pixels.to(device).permute({0, 3, 1, 2}).to(at::kFloat) / 255;
  if (preparation.theta) images = warp(images, *preparation.theta, preparation.fill);
  if (preparation.color) images = recolor(images, *preparation.color, *preparation.contrast);
  images = (images - per_channel(preparation.mean, images)) / per_channel(preparation.std, images);
  return images.contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace mcloss::data
