#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../autograd/checkpoint.h"
#include "../autograd/function.h"
#include "from_script.h"
#include "script_function.h"
#include "to_script.h"

namespace mcloss::node {

using HookPointer = std::shared_ptr<ScriptFunction>;
using PassPointer = std::shared_ptr<autograd::CheckpointPass>;

// A tensor that gets a hook.
struct Hooked {
  at::Tensor tensor;
};
template <>
struct From<Hooked> {
  static Hooked take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto& handle = held<at::Tensor>(value, argument);
    capture.use_hooks(handle, argument);
    return {*handle.value};
  }
};

// A tensor whose gradient is looked at, and that gradient: backward may write it in place later.
struct GradientOf {
  const Handle<at::Tensor>& handle;
};
template <>
struct From<GradientOf> {
  static GradientOf take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto& handle = held<at::Tensor>(value, argument);
    capture.use_gradient(handle, argument);
    return {handle};
  }
};
template <>
struct To<GradientOf> {
  static Napi::Value give(Napi::Env env, const GradientOf& gradient);
};

// A JavaScript function for the graph to call.
template <>
struct From<HookPointer> {
  static HookPointer take(Capture&, const Napi::Value& value, std::string_view) {
    return std::make_shared<ScriptFunction>(value);
  }
};
// One that the graph may call already.
struct RegisteredHook {
  HookPointer hook;
};
template <>
struct From<RegisteredHook> {
  static RegisteredHook take(Capture&, const Napi::Value& value, std::string_view argument) {
    return {unwrap<HookPointer>(value, argument)};
  }
};
template <>
struct From<autograd::FunctionCall> {
  static autograd::FunctionCall take(Capture& capture, const Napi::Value& value, std::string_view argument);
};

using OptionalTensors = std::vector<std::optional<at::Tensor>>;

// The gradients of the outputs, one for each, null for a scalar's 1; inputs [] for every leaf.
void backward(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
              const OptionalTensors& gradients, bool retain_graph, bool create_graph, const CallMode& mode);
// The gradients of `inputs`, null where one has no part.
std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& outputs,
                                  const std::vector<at::Tensor>& inputs, const OptionalTensors& gradients,
                                  bool retain_graph, bool create_graph, const CallMode& mode);
// The tensor's own; a copy of it.
GradientOf grad(const GradientOf& tensor);
at::Tensor copy_gradient(const at::Tensor& tensor);
void clear_grad(const Written& tensor);
HookPointer register_hook(const Hooked& tensor, const HookPointer& function);
HookPointer register_post_accumulate_hook(const Hooked& tensor, const HookPointer& function);
// Idempotent.
void remove_hook(const RegisteredHook& hook);
// Null for an output that is now part of the graph itself.
std::vector<at::Tensor> apply_function(const autograd::FunctionCall& call, const CallMode& mode);
PassPointer start_checkpoint(const std::vector<at::Tensor>& inputs, const HookPointer& recompute);
// Around the function.
void begin_pass(const PassPointer& pass);
void end_pass(const PassPointer& pass);
// finishCall(call, results: (handle | null)[]), failCall(call, reason): what a called function gave.
Napi::Value finish_call(const Napi::CallbackInfo& info);
Napi::Value fail_call(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
