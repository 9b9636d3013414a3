#include "tensor_api.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <c10/core/Device.h>

#include "convert.h"
#include "dispatch.h"
#include "handle.h"

namespace mcloss::node {
namespace {

// tensorFromData(data: TypedArray, shape, dtype, device, requiresGrad)
Napi::Value tensor_from_data(const Napi::CallbackInfo& info) {
  const auto shape = to_int_list(info[1], "shape");
  const auto device = c10::Device(info[3].As<Napi::String>().Utf8Value());
  auto tensor = copy_to_tensor(info[0].As<Napi::TypedArray>(), shape);
  tensor = tensor.to(device, dtype_from_name(info[2].As<Napi::String>()));
  if (info[4].As<Napi::Boolean>().Value()) tensor.set_requires_grad(true);
  return wrap(info.Env(), std::move(tensor));
}

// describe(tensor): { shape, dtype, device, requiresGrad }
Napi::Value describe_tensor(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& tensor = unwrap<at::Tensor>(info[0], "tensor");
  auto result = Napi::Object::New(env);
  result.Set("shape", to_array(env, tensor.sizes()));
  result.Set("dtype", dtype_name(tensor.scalar_type()));
  result.Set("device", tensor.device().str());
  result.Set("requiresGrad", tensor.requires_grad());
  return result;
}

// item(tensor): number | bigint | boolean
Napi::Value item(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto scalar = unwrap<at::Tensor>(info[0], "tensor").item();
  if (scalar.isBoolean()) return Napi::Boolean::New(env, scalar.toBool());
  if (scalar.isIntegral(false)) return to_number(env, scalar.toLong());
  return Napi::Number::New(env, scalar.toDouble());
}

// data(tensor): Promise<TypedArray>
Napi::Value data(const Napi::CallbackInfo& info) {
  auto work = [tensor = unwrap<at::Tensor>(info[0], "tensor")] { return readable(tensor); };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), copy_to_typed_array);
}

template <class T>
bool try_dispose(const Napi::CallbackInfo& info) {
  if (!is_handle<T>(info[0])) return false;
  handle_of<T>(info[0], "handle").release(Environment::of(info.Env()));
  return true;
}

// dispose(handle): idempotent
Napi::Value dispose(const Napi::CallbackInfo& info) {
  const bool known = try_dispose<at::Tensor>(info) || try_dispose<std::shared_ptr<nn::Model>>(info) ||
                     try_dispose<std::shared_ptr<train::Sgd>>(info) || try_dispose<at::Generator>(info);
  if (!known) throw CodedError("ERR_ARGUMENT", "handle must be a handle of this addon");
  return info.Env().Undefined();
}

// isDisposed(tensor)
Napi::Value is_disposed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), !handle_of<at::Tensor>(info[0], "tensor").value);
}

// memory(): { tensors, bytes }
Napi::Value memory(const Napi::CallbackInfo& info) {
  const auto& ledger = Environment::of(info.Env()).ledger;
  auto result = Napi::Object::New(info.Env());
  result.Set("tensors", to_number(info.Env(), ledger.handles()));
  result.Set("bytes", to_number(info.Env(), ledger.bytes()));
  return result;
}

// generator(seed): handle
Napi::Value generator(const Napi::CallbackInfo& info) {
  const auto seed = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  return wrap<at::Generator>(info.Env(), at::make_generator<at::CPUGeneratorImpl>(seed));
}

// manualSeed(seed): seeds LibTorch's own generators, of every device
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  at::manual_seed(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

}  // namespace

void export_tensor_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("call", Napi::Function::New<call_operator>(env, "call"));
  exports.Set("tensorFromData", Napi::Function::New<guarded<tensor_from_data>>(env, "tensorFromData"));
  exports.Set("describe", Napi::Function::New<guarded<describe_tensor>>(env, "describe"));
  exports.Set("item", Napi::Function::New<guarded<item>>(env, "item"));
  exports.Set("data", Napi::Function::New<guarded<data>>(env, "data"));
  exports.Set("dispose", Napi::Function::New<guarded<dispose>>(env, "dispose"));
  exports.Set("isDisposed", Napi::Function::New<guarded<is_disposed>>(env, "isDisposed"));
  exports.Set("memory", Napi::Function::New<guarded<memory>>(env, "memory"));
  exports.Set("schemaOf", Napi::Function::New<guarded<schema_of>>(env, "schemaOf"));
  exports.Set("manualSeed", Napi::Function::New<guarded<manual_seed>>(env, "manualSeed"));
  exports.Set("generator", Napi::Function::New<guarded<generator>>(env, "generator"));
}

}  // namespace mcloss::node
