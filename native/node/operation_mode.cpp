#include "operation_mode.h"

#include "handle.h"

namespace mcloss::node {

autograd::Mode to_mode(const Napi::Value& value) {
  if (value.IsNumber()) {
    return {static_cast<autograd::Recording>(value.As<Napi::Number>().Uint32Value()), false, nullptr};
  }
  const auto object = value.As<Napi::Object>();
  auto mode = to_mode(object.Get("recording").As<Napi::Number>());
  mode.anomaly = object.Get("anomaly").As<Napi::Boolean>().Value();
  const Napi::Value pass = object.Get("pass");
  if (!pass.IsNull()) mode.pass = unwrap<std::shared_ptr<autograd::CheckpointPass>>(pass, "pass");
  return mode;
}

std::string script_stack(Napi::Env env) {
  napi_value error = nullptr;
  napi_create_error(env, nullptr, Napi::String::New(env, "the forward call"), &error);
  return Napi::Value(env, error).As<Napi::Object>().Get("stack").ToString();
}

OperationScope::OperationScope(const Napi::Value& mode, const torch::jit::Stack& stack)
    : mode_(to_mode(mode)), guard_(mode_) {
  if (mode_.anomaly) trace_.emplace(autograd::tensors_of(stack));
}

void OperationScope::done(Napi::Env env, const std::string& operation, const torch::jit::Stack& stack) const {
  if (trace_) trace_->record(autograd::tensors_of(stack), {operation, script_stack(env)});
}

}  // namespace mcloss::node
