#include "autograd_api.h"

#include <utility>

#include "../autograd/anomaly.h"
#include "../autograd/backward.h"
#include "../autograd/hooks.h"
#include "operation_mode.h"

namespace mcloss::node {
namespace {

// Undefined for none.
std::vector<at::Tensor> or_undefined(const OptionalTensors& tensors) {
  std::vector<at::Tensor> all;
  for (const auto& tensor : tensors) all.push_back(tensor.value_or(at::Tensor()));
  return all;
}

uint64_t call_id(const Napi::CallbackInfo& info) {
  return static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
}

std::vector<at::Tensor> to_results(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array[i];
    const std::string name = "results[" + std::to_string(i) + "]";
    tensors.push_back(element.IsNull() ? at::Tensor() : unwrap<at::Tensor>(element, name));
  }
  return tensors;
}

}  // namespace

Napi::Value To<GradientOf>::give(Napi::Env env, const GradientOf& gradient) {
  const auto& tensor = gradient.handle.value->grad();
  if (!tensor.defined()) return env.Null();
  auto& environment = Environment::of(env);
  const auto [object, handle] = make_handle<at::Tensor>(env);
  handle.fill(environment, tensor);
  environment.ledger.share(handle.charges.charge(), environment.gradients);
  environment.ledger.share_owners(handle.charges.charge(), gradient.handle.charges.charge());
  return object;
}

autograd::FunctionCall From<autograd::FunctionCall>::take(Capture& capture, const Napi::Value& value,
                                                          std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<std::string>("name"),
          or_undefined(fields.get<OptionalTensors>("inputs")),
          fields.get<std::vector<at::Tensor>>("outputs"),
          fields.get<std::vector<bool>>("differentiable"),
          or_undefined(fields.get<OptionalTensors>("saved")),
          fields.get<HookPointer>("backward")};
}

void backward(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
              const OptionalTensors& gradients, bool retain_graph, bool create_graph, const CallMode& mode) {
  const autograd::ModeGuard guard(mode.mode);
  autograd::backward(outputs, {or_undefined(gradients), retain_graph, create_graph}, inputs);
}

std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& outputs,
                                  const std::vector<at::Tensor>& inputs, const OptionalTensors& gradients,
                                  bool retain_graph, bool create_graph, const CallMode& mode) {
  const autograd::ModeGuard guard(mode.mode);
  return autograd::grad(outputs, inputs, {or_undefined(gradients), retain_graph, create_graph});
}

GradientOf grad(const GradientOf& tensor) {
  return tensor;
}

at::Tensor copy_gradient(const at::Tensor& tensor) {
  const auto& gradient = tensor.grad();
  return gradient.defined() ? gradient.detach().clone() : at::Tensor();
}

void clear_grad(const Written& tensor) {
  tensor.tensor.mutable_grad().reset();
}

HookPointer register_hook(const Hooked& tensor, const HookPointer& function) {
  autograd::register_hook(tensor.tensor, function);
  return function;
}

HookPointer register_post_accumulate_hook(const Hooked& tensor, const HookPointer& function) {
  autograd::register_post_accumulate_hook(tensor.tensor, function);
  return function;
}

void remove_hook(const RegisteredHook& hook) {
  hook.hook->remove();
}

std::vector<at::Tensor> apply_function(const autograd::FunctionCall& call, const CallMode& mode) {
  const autograd::ModeGuard guard(mode.mode);
  const autograd::ForwardTrace trace(call.inputs);
  auto outputs = autograd::apply_function(call);
  if (mode.mode.anomaly) trace.record(outputs, {call.name, mode.stack});
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].is_same(call.outputs[i])) outputs[i].reset();
  }
  return outputs;
}

PassPointer start_checkpoint(const std::vector<at::Tensor>& inputs, const HookPointer& recompute) {
  return autograd::start_checkpoint(inputs, recompute);
}

void begin_pass(const PassPointer& pass) {
  pass->begin();
}

void end_pass(const PassPointer& pass) {
  pass->end();
}

Napi::Value finish_call(const Napi::CallbackInfo& info) {
  auto& calls = Environment::of(info.Env()).executor.calls();
  try {
    calls.finish(call_id(info), to_results(info[1]));
  } catch (...) {
    calls.fail(call_id(info), std::current_exception());
  }
  return info.Env().Undefined();
}

Napi::Value fail_call(const Napi::CallbackInfo& info) {
  auto& environment = Environment::of(info.Env());
  auto holder = Napi::Array::New(info.Env(), 1);
  holder[0u] = info[1];
  auto reason = std::make_shared<ScriptValue>(environment.references, holder);
  environment.executor.calls().fail(call_id(info),
                                    std::make_exception_ptr(ScriptException(std::move(reason))));
  return info.Env().Undefined();
}

}  // namespace mcloss::node
