#include "prepare_batch.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "../ops/prepare_images.h"

namespace mcloss::data {
namespace {

constexpr int64_t kBilinear = 0;
constexpr int64_t kZeros = 0;
constexpr Rgb kBlack{0, 0, 0};
constexpr Rgb kOnes{1, 1, 1};
// ITU-R 601, as torchvision's rgb_to_grayscale.
constexpr Rgb kLuma{0.2989, 0.587, 0.114};

// Colours as the operators take them: [1, 3, 1, 1] each.
struct Colors {
  at::Tensor mean, std, fill, erased, luma;
};

at::Tensor stack_colors(const Preparation& preparation) {
  const auto& [size, windows, theta, color, contrast, erased, erased_color, mean, std, fill, dtype] =
      preparation;
  const auto rows = at::empty({5, 3}, at::kFloat);
  auto* values = rows.mutable_data_ptr<float>();
  for (const auto& row : {mean, std, fill, erased_color, kLuma}) {
    values = std::ranges::transform(row, values, [](double x) { return static_cast<float>(x); }).out;
  }
  return rows;
}

Colors unstack_colors(const at::Tensor& rows) {
  const auto row = [&](int64_t i) { return rows[i].view({1, 3, 1, 1}); };
  return {row(0), row(1), row(2), row(3), row(4)};
}

// Sampling reads zeros outside the image; shifting by the fill colour makes those zeros mean it.
at::Tensor warp(const at::Tensor& images, const at::Tensor& theta, const at::Tensor& fill,
                at::IntArrayRef size) {
  const auto background = fill / 255;
  const auto grid = at::affine_grid_generator(theta, {images.size(0), 3, size[0], size[1]}, false);
  return at::grid_sampler(images - background, grid, kBilinear, kZeros, false) + background;
}

at::Tensor recolor(const at::Tensor& images, const at::Tensor& matrix, const at::Tensor& contrast,
                   const at::Tensor& luma) {
  const auto strength = contrast.view({-1, 1, 1, 1});
  const auto mean = (images * luma).sum(1, true).mean({2, 3}, true);
  const auto stretched = mean + strength * (images - mean);
  return at::bmm(matrix, stretched.flatten(2)).clamp(0, 1).view_as(images);
}

at::Tensor erase(const at::Tensor& images, const at::Tensor& erased, const at::Tensor& color) {
  const auto boxes = erased.view({-1, 4, 1, 1, 1});
  const auto inside = [&](int64_t axis, int64_t dimension, at::IntArrayRef shape) {
    const auto places = at::arange(images.size(dimension), boxes.options()).view(shape);
    const auto start = boxes.select(1, axis);
    return (places >= start) & (places < start + boxes.select(1, axis + 2));
  };
  return at::where(inside(0, 2, {-1, 1}) & inside(1, 3, {1, -1}), color, images);
}

// Everything of the preparation is on the pixels' device.
at::Tensor prepare(const at::Tensor& pixels, const Preparation& preparation, const Colors& colors) {
  const auto& [size, windows, theta, color, contrast, erased, erased_color, mean, std, fill, dtype] =
      preparation;
  if (!theta && !color) {
    return prepare_images(pixels, size, mean, std, windows, fill, erased, erased_color, dtype);
  }
  auto images = prepare_images(pixels, theta ? pixels.sizes().slice(1, 2) : at::IntArrayRef(size), kBlack,
                               kOnes, windows, fill, std::nullopt, kBlack, std::nullopt);
  if (theta) images = warp(images, *theta, colors.fill, size);
  if (color) images = recolor(images, *color, *contrast, colors.luma);
  images = (images - colors.mean) / colors.std;
  if (erased) images = erase(images, *erased, colors.erased);
  return images.to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

PreparedBatch prepare_batch(const PixelBatch& batch, c10::Device device) {
  Preparation preparation = batch.preparation;
  auto labels = batch.labels;
  std::vector<at::Tensor> tensors{batch.pixels, stack_colors(preparation)};
  const std::array<std::optional<at::Tensor>*, 6> others{&labels,
                                                         &preparation.windows,
                                                         &preparation.theta,
                                                         &preparation.color,
                                                         &preparation.contrast,
                                                         &preparation.erased};
  for (const auto* other : others) {
    if (*other) tensors.push_back(**other);
  }
  const auto sent = send_together(tensors, batch.memory, device);
  auto next = sent.begin() + 2;
  for (auto* other : others) {
    if (*other) *other = *next++;
  }
  const auto images = prepare(sent[0], preparation, unstack_colors(sent[1]));
  // Not in the memory that is lent for the batch.
  return {images, labels ? labels->clone() : at::Tensor()};
}

}  // namespace mcloss::data
