#include "autograd_api.h"

#include "../autograd/backward.h"
#include "../autograd/checkpoint.h"
#include "../autograd/function.h"
#include "../autograd/hooks.h"
#include "convert.h"
#include "handle.h"
#include "operation_mode.h"

namespace mcloss::node {
namespace {

using HookPointer = std::shared_ptr<ScriptFunction>;
using PassPointer = std::shared_ptr<autograd::CheckpointPass>;

// null stands for an undefined tensor.
std::vector<at::Tensor> to_optional_tensors(const Napi::Value& value, const std::string& argument) {
  const auto array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array[i];
    const std::string name = argument + "[" + std::to_string(i) + "]";
    tensors.push_back(element.IsNull() ? at::Tensor() : unwrap<at::Tensor>(element, name));
  }
  return tensors;
}

std::vector<bool> to_flags(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<bool> flags;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    flags.push_back(Napi::Value(array[i]).As<Napi::Boolean>().Value());
  }
  return flags;
}

autograd::BackwardOptions to_options(const Napi::Value& gradients, const Napi::Value& retain_graph,
                                     const Napi::Value& create_graph) {
  return {to_optional_tensors(gradients, "gradients"), retain_graph.As<Napi::Boolean>().Value(),
          create_graph.As<Napi::Boolean>().Value()};
}

// backward(outputs, inputs or [] for every leaf, gradients of the outputs, retainGraph, createGraph, mode):
// Promise<void>
Napi::Value backward(const Napi::CallbackInfo& info) {
  auto work = [outputs = to_tensors(info[0], "outputs"), inputs = to_tensors(info[1], "inputs"),
               options = to_options(info[2], info[3], info[4]), mode = to_mode(info[5])] {
    const autograd::ModeGuard guard(mode);
    autograd::backward(outputs, options, inputs);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// gradients(outputs, inputs, gradients of the outputs, retainGraph, createGraph, mode): Promise<(handle |
// null)[]>
Napi::Value gradients(const Napi::CallbackInfo& info) {
  auto work = [outputs = to_tensors(info[0], "outputs"), inputs = to_tensors(info[1], "inputs"),
               options = to_options(info[2], info[3], info[4]), mode = to_mode(info[5])] {
    const autograd::ModeGuard guard(mode);
    return autograd::grad(outputs, inputs, options);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), to_handles);
}

// grad(tensor): handle | null
Napi::Value grad(const Napi::CallbackInfo& info) {
  const auto& gradient = unwrap<at::Tensor>(info[0], "tensor").grad();
  return gradient.defined() ? wrap(info.Env(), gradient) : Napi::Value(info.Env().Null());
}

// clearGrad(tensor)
Napi::Value clear_grad(const Napi::CallbackInfo& info) {
  unwrap<at::Tensor>(info[0], "tensor").mutable_grad().reset();
  return info.Env().Undefined();
}

// registerHook(tensor, function): handle
Napi::Value register_hook(const Napi::CallbackInfo& info) {
  const auto& tensor = unwrap<at::Tensor>(info[0], "tensor");
  auto hook = std::make_shared<ScriptFunction>(info[1]);
  autograd::register_hook(tensor, hook);
  return wrap(info.Env(), std::move(hook));
}

// registerPostAccumulateGradHook(tensor, function): handle
Napi::Value register_post_accumulate_hook(const Napi::CallbackInfo& info) {
  const auto& tensor = unwrap<at::Tensor>(info[0], "tensor");
  auto hook = std::make_shared<ScriptFunction>(info[1]);
  autograd::register_post_accumulate_hook(tensor, hook);
  return wrap(info.Env(), std::move(hook));
}

// removeHook(hook): idempotent
Napi::Value remove_hook(const Napi::CallbackInfo& info) {
  unwrap<HookPointer>(info[0], "hook")->remove();
  return info.Env().Undefined();
}

// applyFunction({ name, inputs, outputs, differentiable, saved, backward }, mode): (handle | null)[], null
// for an output that is now part of the graph itself
Napi::Value apply_function(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  const autograd::FunctionCall call{options.Get("name").As<Napi::String>(),
                                    to_optional_tensors(options.Get("inputs"), "inputs"),
                                    to_tensors(options.Get("outputs"), "outputs"),
                                    to_flags(options.Get("differentiable")),
                                    to_optional_tensors(options.Get("saved"), "saved"),
                                    std::make_shared<ScriptFunction>(options.Get("backward"))};
  const auto mode = to_mode(info[1]);
  const autograd::ModeGuard guard(mode);
  const autograd::ForwardTrace trace(call.inputs);
  auto outputs = autograd::apply_function(call);
  if (mode.anomaly) trace.record(outputs, {call.name, script_stack(info.Env())});
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].is_same(call.outputs[i])) outputs[i].reset();
  }
  return to_handles(info.Env(), std::move(outputs));
}

// startCheckpoint(inputs, recompute): pass
Napi::Value start_checkpoint(const Napi::CallbackInfo& info) {
  const auto recompute = std::make_shared<ScriptFunction>(info[1]);
  return wrap(info.Env(), autograd::start_checkpoint(to_tensors(info[0], "inputs"), recompute));
}

// beginPass(pass), endPass(pass): around the function
Napi::Value begin_pass(const Napi::CallbackInfo& info) {
  unwrap<PassPointer>(info[0], "pass")->begin();
  return info.Env().Undefined();
}
Napi::Value end_pass(const Napi::CallbackInfo& info) {
  unwrap<PassPointer>(info[0], "pass")->end();
  return info.Env().Undefined();
}

uint64_t call_id(const Napi::CallbackInfo& info) {
  return static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
}

// finishCall(call, results: (handle | null)[])
Napi::Value finish_call(const Napi::CallbackInfo& info) {
  auto& calls = Environment::of(info.Env()).executor.calls();
  try {
    calls.finish(call_id(info), to_optional_tensors(info[1], "results"));
  } catch (...) {
    calls.fail(call_id(info), std::current_exception());
  }
  return info.Env().Undefined();
}

// failCall(call, reason)
Napi::Value fail_call(const Napi::CallbackInfo& info) {
  auto& environment = Environment::of(info.Env());
  auto holder = Napi::Array::New(info.Env(), 1);
  holder[0u] = info[1];
  auto reason = std::make_shared<ScriptValue>(environment.references, holder);
  environment.executor.calls().fail(call_id(info),
                                    std::make_exception_ptr(ScriptException(std::move(reason))));
  return info.Env().Undefined();
}

}  // namespace

void export_autograd_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("backward", Napi::Function::New<guarded<backward>>(env, "backward"));
  exports.Set("gradients", Napi::Function::New<guarded<gradients>>(env, "gradients"));
  exports.Set("grad", Napi::Function::New<guarded<grad>>(env, "grad"));
  exports.Set("clearGrad", Napi::Function::New<guarded<clear_grad>>(env, "clearGrad"));
  exports.Set("registerHook", Napi::Function::New<guarded<register_hook>>(env, "registerHook"));
  exports.Set("registerPostAccumulateGradHook", Napi::Function::New<guarded<register_post_accumulate_hook>>(
                                                    env, "registerPostAccumulateGradHook"));
  exports.Set("removeHook", Napi::Function::New<guarded<remove_hook>>(env, "removeHook"));
  exports.Set("applyFunction", Napi::Function::New<guarded<apply_function>>(env, "applyFunction"));
  exports.Set("startCheckpoint", Napi::Function::New<guarded<start_checkpoint>>(env, "startCheckpoint"));
  exports.Set("beginPass", Napi::Function::New<guarded<begin_pass>>(env, "beginPass"));
  exports.Set("endPass", Napi::Function::New<guarded<end_pass>>(env, "endPass"));
  exports.Set("finishCall", Napi::Function::New<guarded<finish_call>>(env, "finishCall"));
  exports.Set("failCall", Napi::Function::New<guarded<fail_call>>(env, "failCall"));
}

}  // namespace mcloss::node
