#pragma once

#include <ATen/core/stack.h>
#include <napi.h>

#include <optional>
#include <string>

#include "../autograd/anomaly.h"
#include "../autograd/mode.h"

namespace mcloss::node {

// How TypeScript says how operations run: 0 record, 1 noGrad, 2 inferenceMode; or { recording, anomaly, pass
// }.
autograd::Mode to_mode(const Napi::Value& value);

// The stack of the JavaScript that is running.
std::string script_stack(Napi::Env env);

// Runs one operator in a mode.
class OperationScope {
 public:
  // `stack` holds the operator's arguments.
  OperationScope(const Napi::Value& mode, const torch::jit::Stack& stack);
  // After the operator: `stack` holds its results.
  void done(Napi::Env env, const std::string& operation, const torch::jit::Stack& stack) const;

 private:
  autograd::Mode mode_;
  autograd::ModeGuard guard_;
  std::optional<autograd::ForwardTrace> trace_;
};

}  // namespace mcloss::node
