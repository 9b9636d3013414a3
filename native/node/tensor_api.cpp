#include "tensor_api.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <c10/core/Device.h>

#include <mutex>

#include "convert.h"
#include "dispatch.h"
#include "handle.h"
#include "operation_mode.h"
#include "operators.h"
#include "results.h"

namespace mcloss::node {
namespace {

// tensorFromData(data: TypedArray, shape, dtype, device, requiresGrad, mode)
Napi::Value tensor_from_data(const Napi::CallbackInfo& info) {
  const auto mode = to_mode(info[5]);
  const autograd::ModeGuard guard(mode);
  const auto shape = to_int_list(info[1], "shape");
  const auto device = c10::Device(info[3].As<Napi::String>().Utf8Value());
  auto tensor = copy_to_tensor(info[0].As<Napi::TypedArray>(), shape);
  tensor = tensor.to(device, dtype_from_name(info[2].As<Napi::String>()));
  if (info[4].As<Napi::Boolean>().Value()) tensor.set_requires_grad(true);
  return wrap(info.Env(), std::move(tensor));
}

// shape(tensor): number[]
Napi::Value shape(const Napi::CallbackInfo& info) {
  return to_array(info.Env(), unwrap<at::Tensor>(info[0], "tensor").sizes());
}

// ndim(tensor)
Napi::Value ndim(const Napi::CallbackInfo& info) {
  return to_number(info.Env(), unwrap<at::Tensor>(info[0], "tensor").dim());
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

// item(tensor): number | bigint | boolean | { kind: "complex", re, im }
Napi::Value item(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return from_scalar(env, unwrap<at::Tensor>(info[0], "tensor").item());
}

// data(tensor): Promise<TypedArray>
Napi::Value data(const Napi::CallbackInfo& info) {
  auto work = [tensor = unwrap<at::Tensor>(info[0], "tensor")] { return readable(tensor); };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), copy_to_typed_array);
}

// emptyHandle(): of no tensor, for an operator to fill
Napi::Value empty_handle(const Napi::CallbackInfo& info) {
  return make_handle<at::Tensor>(info.Env()).object;
}

template <class T>
bool try_dispose(const Napi::CallbackInfo& info) {
  auto* handle = find_handle<T>(info[0]);
  if (handle) handle->release(Environment::of(info.Env()));
  return handle != nullptr;
}

// dispose(handle): idempotent
Napi::Value dispose(const Napi::CallbackInfo& info) {
  const bool known = try_dispose<at::Tensor>(info) || try_dispose<std::shared_ptr<nn::Model>>(info) ||
                     try_dispose<std::shared_ptr<train::Optimizer>>(info) ||
                     try_dispose<std::shared_ptr<train::GradScaler>>(info) ||
                     try_dispose<std::shared_ptr<train::Ema>>(info) ||
                     try_dispose<std::shared_ptr<train::StepGraph>>(info) ||
                     try_dispose<at::Generator>(info) || try_dispose<c10::IValue>(info);
  if (!known) throw CodedError("ERR_ARGUMENT", "handle must be a handle of this addon");
  return info.Env().Undefined();
}

at::Generator make_generator(c10::Device device) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>();
  auto& context = at::globalContext();
  context.lazyInitDevice(device.type());
  return context.getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
}

// generator(seed, device): handle
Napi::Value generator(const Napi::CallbackInfo& info) {
  auto made = make_generator(c10::Device(info[1].As<Napi::String>().Utf8Value()));
  made.set_current_seed(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return wrap(info.Env(), std::move(made));
}

// defaultGenerator(device): handle of LibTorch's own, which dropout draws from
Napi::Value default_generator(const Napi::CallbackInfo& info) {
  const c10::Device device(info[0].As<Napi::String>().Utf8Value());
  auto& context = at::globalContext();
  context.lazyInitDevice(device.type());
  return wrap(info.Env(), at::Generator(context.defaultGenerator(device)));
}

// generatorState(generator): handle of uint8 [bytes]
Napi::Value generator_state(const Napi::CallbackInfo& info) {
  auto source = unwrap<at::Generator>(info[0], "generator");
  const std::lock_guard lock(source.mutex());
  return wrap(info.Env(), source.get_state());
}

// restoreGenerator(generator, state)
Napi::Value restore_generator(const Napi::CallbackInfo& info) {
  auto target = unwrap<at::Generator>(info[0], "generator");
  const std::lock_guard lock(target.mutex());
  target.set_state(unwrap<at::Tensor>(info[1], "state"));
  return info.Env().Undefined();
}

// manualSeed(seed): seeds LibTorch's own generators, of every device
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  at::manual_seed(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

}  // namespace

void export_tensor_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("call", Napi::Function::New<call_operator>(env, "call"));
  exports.Set("findOperator", Napi::Function::New<guarded<find_operator>>(env, "findOperator"));
  exports.Set("listOperators", Napi::Function::New<guarded<list_operators>>(env, "listOperators"));
  exports.Set("tensorFromData", Napi::Function::New<guarded<tensor_from_data>>(env, "tensorFromData"));
  exports.Set("shape", Napi::Function::New<guarded<shape>>(env, "shape"));
  exports.Set("ndim", Napi::Function::New<guarded<ndim>>(env, "ndim"));
  exports.Set("describe", Napi::Function::New<guarded<describe_tensor>>(env, "describe"));
  exports.Set("item", Napi::Function::New<guarded<item>>(env, "item"));
  exports.Set("data", Napi::Function::New<guarded<data>>(env, "data"));
  exports.Set("emptyHandle", Napi::Function::New<guarded<empty_handle>>(env, "emptyHandle"));
  exports.Set("dispose", Napi::Function::New<guarded<dispose>>(env, "dispose"));
  exports.Set("manualSeed", Napi::Function::New<guarded<manual_seed>>(env, "manualSeed"));
  exports.Set("defaultGenerator", Napi::Function::New<guarded<default_generator>>(env, "defaultGenerator"));
  exports.Set("generatorState", Napi::Function::New<guarded<generator_state>>(env, "generatorState"));
  exports.Set("restoreGenerator", Napi::Function::New<guarded<restore_generator>>(env, "restoreGenerator"));
  exports.Set("generator", Napi::Function::New<guarded<generator>>(env, "generator"));
}

}  // namespace mcloss::node
