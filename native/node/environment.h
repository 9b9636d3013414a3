#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <napi.h>

#include <string>
#include <unordered_map>

#include "executor.h"
#include "memory_ledger.h"

namespace mcloss::node {

// Everything the addon keeps for one JavaScript environment (the main thread or one worker).
class Environment {
 public:
  explicit Environment(Napi::Env env) : executor(env), ledger(env) {}

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Executor executor;
  MemoryLedger ledger;
  Napi::FunctionReference error_class;
  std::unordered_map<std::string, c10::OperatorHandle> operators;  // by "aten::add.Tensor"
};

}  // namespace mcloss::node
