#include "data_api.h"

#include "../data/prepare_images.h"
#include "../io/safetensors.h"
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

std::optional<at::Tensor> optional_tensor(const Napi::Value& value, at::IntArrayRef shape) {
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  return copy_to_tensor(value.As<Napi::TypedArray>(), shape);
}

// prepareImages({ pixels: Uint8Array, shape: [N, H, W, 3], theta?, color?, contrast?, mean, std, fill, device
// }): Promise<handle>
Napi::Value prepare_images(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  const auto shape = to_int_list(options.Get("shape"), "shape");
  const int64_t samples = shape.at(0);
  data::Preparation preparation{optional_tensor(options.Get("theta"), {samples, 2, 3}),
                                optional_tensor(options.Get("color"), {samples, 3, 3}),
                                optional_tensor(options.Get("contrast"), {samples}),
                                to_rgb(options.Get("mean")),
                                to_rgb(options.Get("std")),
                                to_rgb(options.Get("fill"))};
  auto work = [pixels = copy_to_tensor(options.Get("pixels").As<Napi::TypedArray>(), shape),
               preparation = std::move(preparation),
               device = c10::Device(options.Get("device").As<Napi::String>().Utf8Value())] {
    return data::prepare_images(pixels, preparation, device);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), wrap<at::Tensor>);
}

// readTensors(path, entries: { shape, dtype, offset }[]): Promise<handle[]>
Napi::Value read_tensors(const Napi::CallbackInfo& info) {
  const auto array = info[1].As<Napi::Array>();
  std::vector<io::TensorEntry> entries;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto entry = Napi::Value(array[i]).As<Napi::Object>();
    entries.push_back({to_int_list(entry.Get("shape"), "shape"),
                       dtype_from_name(entry.Get("dtype").As<Napi::String>()),
                       entry.Get("offset").As<Napi::Number>().Int64Value()});
  }
  auto work = [path = info[0].As<Napi::String>().Utf8Value(), entries = std::move(entries)] {
    return io::read_tensors(path, entries);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), to_handles);
}

// writeSafetensors(path, header, tensors): Promise<void>
Napi::Value write_safetensors(const Napi::CallbackInfo& info) {
  auto work = [path = info[0].As<Napi::String>().Utf8Value(), header = info[1].As<Napi::String>().Utf8Value(),
               tensors = to_tensors(info[2], "tensors")] {
    io::write_safetensors(path, header, tensors);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

}  // namespace

void export_data_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("prepareImages", Napi::Function::New<guarded<prepare_images>>(env, "prepareImages"));
  exports.Set("readTensors", Napi::Function::New<guarded<read_tensors>>(env, "readTensors"));
  exports.Set("writeSafetensors", Napi::Function::New<guarded<write_safetensors>>(env, "writeSafetensors"));
}

}  // namespace mcloss::node
