#include "data_api.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <utility>

namespace mcloss::node {
namespace {

// A copy of an optional typed array, as a tensor of this shape.
std::optional<at::Tensor> optional_tensor(const Napi::Value& value, at::IntArrayRef shape) {
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  return copy_to_tensor(value.As<Napi::TypedArray>(), shape);
}

// The array's elements where they are; JavaScript keeps them there.
at::Tensor borrow(Capture& capture, const Napi::TypedArray& array, at::IntArrayRef shape) {
  capture.keep(array);
  auto* data = static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  const auto tensor = at::from_blob(data, shape, dtype_of(array));
  if (static_cast<size_t>(tensor.numel()) == array.ElementLength()) return tensor;
  throw CodedError("ERR_SHAPE", "pixels has " + std::to_string(array.ElementLength()) +
                                    " bytes, but its shape holds " + std::to_string(tensor.numel()));
}

std::optional<at::Tensor> borrow_memory(Capture& capture, const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  const auto array = value.As<Napi::TypedArray>();
  return borrow(capture, array, {static_cast<int64_t>(array.ElementLength())});
}

std::optional<at::Tensor> take_labels(const Napi::Value& value, int64_t samples) {
  const auto labels = optional_tensor(value, {samples});
  return labels ? std::optional(labels->to(at::kLong)) : std::nullopt;
}

}  // namespace

PixelBatchOptions From<PixelBatchOptions>::take(Capture& capture, const Napi::Value& value,
                                                std::string_view argument) {
  const Fields fields(capture, value, argument);
  const auto shape = fields.get<std::vector<int64_t>>("shape");
  const int64_t samples = shape.at(0);
  // Of several views of an image each is a sample.
  const auto labels = fields.raw("labels");
  const int64_t images =
      labels.IsTypedArray() ? static_cast<int64_t>(labels.As<Napi::TypedArray>().ElementLength()) : 0;
  return {{borrow(capture, fields.raw("pixels").As<Napi::TypedArray>(), shape),
           take_labels(labels, images),
           borrow_memory(capture, fields.raw("memory")),
           {fields.get<std::vector<int64_t>>("size"), optional_tensor(fields.raw("windows"), {samples, 3}),
            optional_tensor(fields.raw("theta"), {samples, 2, 3}),
            optional_tensor(fields.raw("color"), {samples, 3, 3}),
            optional_tensor(fields.raw("contrast"), {samples}),
            optional_tensor(fields.raw("erased"), {samples, 4}),
            fields.get<std::optional<data::Rgb>>("erasedColor").value_or(data::Rgb{}),
            fields.get<data::Rgb>("mean"), fields.get<data::Rgb>("std"), fields.get<data::Rgb>("fill"),
            fields.get<at::ScalarType>("dtype")}},
          fields.get<c10::Device>("device")};
}

Napi::Value To<data::PreparedBatch>::give(Napi::Env env, data::PreparedBatch batch) {
  auto object = Napi::Object::New(env);
  give_field(object, "images", std::move(batch.images));
  give_field(object, "labels", std::move(batch.labels));
  return object;
}

TransferPointer send_batch(const PixelBatchOptions& options) {
  return std::make_shared<data::BatchTransfer>(
      options.device, [&] { return data::prepare_batch(options.batch, options.device); });
}

data::PreparedBatch join_batch(const TransferPointer& transfer) {
  return transfer->join();
}

bool is_over(const std::shared_ptr<const data::BatchTransfer>& transfer) {
  return transfer->is_over();
}

Napi::Value pinned_buffer(const Napi::CallbackInfo& info) {
  const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
  auto memory = std::make_unique<at::Tensor>(at::empty({info[0].As<Napi::Number>().Int64Value()}, options));
  const auto bytes = static_cast<size_t>(memory->numel());
  const auto release = [](Napi::Env, void*, at::Tensor* owned) { std::unique_ptr<at::Tensor>{owned}; };
  const auto buffer = Napi::ArrayBuffer::New(info.Env(), memory->data_ptr(), bytes, release, memory.get());
  static_cast<void>(memory.release());
  return Napi::Uint8Array::New(info.Env(), bytes, buffer, 0);
}

}  // namespace mcloss::node
