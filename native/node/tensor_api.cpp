#include "tensor_api.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>

#include "../autograd/generator.h"
#include "results.h"

namespace mcloss::node {
namespace {

template <class T>
bool try_dispose(const Napi::CallbackInfo& info) {
  auto* handle = find_handle<T>(info[0]);
  if (handle) handle->release(Environment::of(info.Env()));
  return handle != nullptr;
}

at::Generator make_generator(c10::Device device) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>();
  auto& context = at::globalContext();
  context.lazyInitDevice(device.type());
  return context.getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
}

}  // namespace

Napi::Value To<TensorDescription>::give(Napi::Env env, TensorDescription description) {
  auto object = Napi::Object::New(env);
  give_field(object, "shape", std::move(description.shape));
  object.Set("dtype", description.dtype);
  object.Set("device", description.device);
  object.Set("requiresGrad", description.requires_grad);
  return object;
}

Napi::Value To<c10::Scalar>::give(Napi::Env env, const c10::Scalar& scalar) {
  return from_scalar(env, scalar);
}

Napi::Value To<Elements>::give(Napi::Env env, const Elements& elements) {
  return copy_to_typed_array(env, elements.readable);
}

at::Tensor tensor_from_data(const Napi::Value& data, const std::vector<int64_t>& shape, at::ScalarType dtype,
                            c10::Device device, bool requires_grad, const CallMode& mode) {
  const autograd::ModeGuard guard(mode.mode);
  auto tensor = copy_to_tensor(data.As<Napi::TypedArray>(), shape).to(device, dtype);
  if (requires_grad) tensor.set_requires_grad(true);
  return tensor;
}

std::vector<int64_t> shape(const at::Tensor& tensor) {
  return tensor.sizes().vec();
}

int64_t ndim(const at::Tensor& tensor) {
  return tensor.dim();
}

TensorDescription describe_tensor(const at::Tensor& tensor) {
  return {tensor.sizes().vec(), dtype_name(tensor.scalar_type()), tensor.device().str(),
          tensor.requires_grad()};
}

c10::Scalar item(const at::Tensor& tensor) {
  return tensor.item();
}

Elements data(const at::Tensor& tensor) {
  return {readable(tensor)};
}

Napi::Value empty_handle(const Napi::CallbackInfo& info) {
  return make_handle<at::Tensor>(info.Env()).object;
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  const bool known = try_dispose<at::Tensor>(info) || try_dispose<std::shared_ptr<nn::Model>>(info) ||
                     try_dispose<std::shared_ptr<train::Optimizer>>(info) ||
                     try_dispose<std::shared_ptr<train::GradScaler>>(info) ||
                     try_dispose<std::shared_ptr<train::Ema>>(info) ||
                     try_dispose<std::shared_ptr<train::StepGraph>>(info) ||
                     try_dispose<std::shared_ptr<data::BatchTransfer>>(info) ||
                     try_dispose<std::shared_ptr<distributed::Store>>(info) ||
                     try_dispose<std::shared_ptr<distributed::ProcessGroup>>(info) ||
                     try_dispose<std::shared_ptr<distributed::GradientReducer>>(info) ||
                     try_dispose<at::Generator>(info) || try_dispose<c10::IValue>(info);
  if (!known) throw CodedError("ERR_ARGUMENT", "handle must be a handle of this addon");
  return info.Env().Undefined();
}

at::Generator generator(uint64_t seed, c10::Device device) {
  auto made = make_generator(device);
  made.set_current_seed(seed);
  return made;
}

at::Generator default_generator(c10::Device device) {
  if (device.is_cpu()) return autograd::current_generator();
  auto& context = at::globalContext();
  context.lazyInitDevice(device.type());
  return context.defaultGenerator(device);
}

at::Tensor generator_state(const at::Generator& generator) {
  auto source = generator;
  const std::lock_guard lock(source.mutex());
  return source.get_state();
}

void restore_generator(at::Generator generator, const at::Tensor& state) {
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

void manual_seed(uint64_t seed) {
  at::manual_seed(seed);
  auto generator = autograd::current_generator();
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
}

}  // namespace mcloss::node
