#include "data_api.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "../data/side_stream.h"

namespace mcloss::node {
namespace {

// A copy of an optional typed array, as a tensor of this shape.
std::optional<at::Tensor> optional_tensor(const Napi::Value& value, at::IntArrayRef shape) {
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  return copy_to_tensor(value.As<Napi::TypedArray>(), shape);
}

// The array's elements where they are; JavaScript keeps them there.
at::Tensor borrow(const Napi::TypedArray& array, at::IntArrayRef shape) {
  auto* data = static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  const auto tensor = at::from_blob(data, shape, dtype_of(array));
  if (static_cast<size_t>(tensor.numel()) == array.ElementLength()) return tensor;
  throw CodedError("ERR_SHAPE", "pixels has " + std::to_string(array.ElementLength()) +
                                    " bytes, but its shape holds " + std::to_string(tensor.numel()));
}

}  // namespace

PixelBatch From<PixelBatch>::take(Capture& capture, const Napi::Value& value, std::string_view argument) {
  const Fields fields(capture, value, argument);
  const auto shape = fields.get<std::vector<int64_t>>("shape");
  const int64_t samples = shape.at(0);
  capture.keep(fields.raw("pixels"));
  return {borrow(fields.raw("pixels").As<Napi::TypedArray>(), shape),
          {fields.get<std::vector<int64_t>>("size"), optional_tensor(fields.raw("windows"), {samples, 3}),
           optional_tensor(fields.raw("theta"), {samples, 2, 3}),
           optional_tensor(fields.raw("color"), {samples, 3, 3}),
           optional_tensor(fields.raw("contrast"), {samples}),
           optional_tensor(fields.raw("erased"), {samples, 4}),
           fields.get<std::optional<data::Rgb>>("erasedColor").value_or(data::Rgb{}),
           fields.get<data::Rgb>("mean"), fields.get<data::Rgb>("std"), fields.get<data::Rgb>("fill")},
          fields.get<c10::Device>("device")};
}

at::Tensor prepare_images(const PixelBatch& batch) {
  return data::run_aside(batch.device,
                         [&] { return data::prepare_batch(batch.pixels, batch.preparation, batch.device); });
}

at::Tensor join_batch(const at::Tensor& images, const at::Tensor& labels) {
  data::join(images);
  return labels.to(images.device());
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
