#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "../data/prepare_batch.h"
#include "from_script.h"
#include "to_script.h"

namespace mcloss::node {

// { pixels: Uint8Array, memory?: Uint8Array, labels?: Int32Array, shape: [N, H, W, 3], size: [h, w],
// windows?, theta?, color?, contrast?, erased?, erasedColor?, mean, std, fill, dtype, device }; pixels and
// memory stay where they are, and the promise keeps them.
struct PixelBatchOptions {
  data::PixelBatch batch;
  c10::Device device;
};
template <>
struct From<PixelBatchOptions> {
  static PixelBatchOptions take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
// { images, labels }
template <>
struct To<data::PreparedBatch> {
  static Napi::Value give(Napi::Env env, data::PreparedBatch batch);
};

using TransferPointer = std::shared_ptr<data::BatchTransfer>;

TransferPointer send_batch(const PixelBatchOptions& options);
// Once.
data::PreparedBatch join_batch(const TransferPointer& transfer);
// Whether pixels and memory may be written again.
bool is_over(const std::shared_ptr<const data::BatchTransfer>& transfer);
// pinnedBuffer(bytes): Uint8Array in memory that a GPU reads by itself.
Napi::Value pinned_buffer(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
