#include "data_api.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "../data/prepare_images.h"
#include "../data/side_stream.h"
#include "convert.h"
#include "handle.h"

namespace mcloss::node {
namespace {

data::Rgb to_rgb(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  data::Rgb rgb{};
  for (uint32_t i = 0; i < rgb.size(); ++i) rgb[i] = Napi::Value(array[i]).As<Napi::Number>().DoubleValue();
  return rgb;
}

data::Rgb optional_rgb(const Napi::Value& value) {
  return value.IsUndefined() ? data::Rgb{} : to_rgb(value);
}

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

// prepareImages({ pixels: Uint8Array, shape: [N, H, W, 3], size: [h, w], windows?, theta?, color?, contrast?,
// erased?, erasedColor?, mean, std, fill, device }): Promise<handle>
Napi::Value prepare_images(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  const auto shape = to_int_list(options.Get("shape"), "shape");
  const int64_t samples = shape.at(0);
  const auto pixels = options.Get("pixels").As<Napi::TypedArray>();
  data::Preparation preparation{to_int_list(options.Get("size"), "size"),
                                optional_tensor(options.Get("windows"), {samples, 3}),
                                optional_tensor(options.Get("theta"), {samples, 2, 3}),
                                optional_tensor(options.Get("color"), {samples, 3, 3}),
                                optional_tensor(options.Get("contrast"), {samples}),
                                optional_tensor(options.Get("erased"), {samples, 4}),
                                optional_rgb(options.Get("erasedColor")),
                                to_rgb(options.Get("mean")),
                                to_rgb(options.Get("std")),
                                to_rgb(options.Get("fill"))};
  auto work = [borrowed = borrow(pixels, shape), preparation = std::move(preparation),
               device = c10::Device(options.Get("device").As<Napi::String>().Utf8Value())] {
    return data::run_aside(device, [&] { return data::prepare_images(borrowed, preparation, device); });
  };
  const auto promise =
      Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), wrap<at::Tensor>);
  // The promise lives until it is settled, and the pixels with it.
  promise.As<Napi::Object>().Set("pixels", pixels);
  return promise;
}

// joinBatch(images, labels): Promise<handle>: waits until the images are on their device, and moves the
// labels there.
Napi::Value join_batch(const Napi::CallbackInfo& info) {
  auto work = [images = unwrap<at::Tensor>(info[0], "images"),
               labels = unwrap<at::Tensor>(info[1], "labels")] {
    data::join(images);
    return labels.to(images.device());
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), wrap<at::Tensor>);
}

// pinnedBuffer(bytes): Uint8Array in memory that a GPU reads by itself.
Napi::Value pinned_buffer(const Napi::CallbackInfo& info) {
  const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
  auto memory = std::make_unique<at::Tensor>(at::empty({info[0].As<Napi::Number>().Int64Value()}, options));
  const auto bytes = static_cast<size_t>(memory->numel());
  const auto release = [](Napi::Env, void*, at::Tensor* owned) { std::unique_ptr<at::Tensor>{owned}; };
  const auto buffer = Napi::ArrayBuffer::New(info.Env(), memory->data_ptr(), bytes, release, memory.get());
  static_cast<void>(memory.release());
  return Napi::Uint8Array::New(info.Env(), bytes, buffer, 0);
}

}  // namespace

void export_data_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("prepareImages", Napi::Function::New<guarded<prepare_images>>(env, "prepareImages"));
  exports.Set("joinBatch", Napi::Function::New<guarded<join_batch>>(env, "joinBatch"));
  exports.Set("pinnedBuffer", Napi::Function::New<guarded<pinned_buffer>>(env, "pinnedBuffer"));
}

}  // namespace mcloss::node
