#include "script_function.h"

#include "environment.h"

namespace mcloss::node {

ScriptFunction::ScriptFunction(const Napi::Value& function)
    : executor_(Environment::of(function.Env()).executor),
      bin_(Environment::of(function.Env()).references),
      function_(std::make_unique<ScriptValue>(bin_, function)) {
  ++bin_->functions;
}

ScriptFunction::~ScriptFunction() {
  --bin_->functions;
}

std::vector<at::Tensor> ScriptFunction::call(autograd::CallbackArguments arguments) const {
  if (removed_) return {};
  return executor_.call(*this, std::move(arguments));
}

void ScriptFunction::remove() {
  removed_ = true;
  function_.reset();
}

Napi::Value ScriptFunction::get(Napi::Env env) const {
  return function_ ? function_->get(env) : Napi::Value(env.Null());
}

}  // namespace mcloss::node
