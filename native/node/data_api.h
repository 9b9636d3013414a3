#pragma once

#include <ATen/core/Tensor.h>

#include "../data/prepare_batch.h"
#include "from_script.h"
#include "to_script.h"

namespace mcloss::node {

// { pixels: Uint8Array, shape: [N, H, W, 3], size: [h, w], windows?, theta?, color?, contrast?, erased?,
// erasedColor?, mean, std, fill, device }; the pixels stay where they are, and the promise keeps them.
struct PixelBatch {
  at::Tensor pixels;
  data::Preparation preparation;
  c10::Device device;
};
template <>
struct From<PixelBatch> {
  static PixelBatch take(Capture& capture, const Napi::Value& value, std::string_view argument);
};

at::Tensor prepare_images(const PixelBatch& batch);
// Waits until the images are on their device, and moves the labels there.
at::Tensor join_batch(const at::Tensor& images, const at::Tensor& labels);
// pinnedBuffer(bytes): Uint8Array in memory that a GPU reads by itself.
Napi::Value pinned_buffer(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
