#pragma once

#include <napi.h>

#include <deque>

#include "../autograd/generator.h"
#include "executor.h"
#include "memory_ledger.h"
#include "operators.h"
#include "pool_jobs.h"
#include "script_value.h"

namespace mcloss::node {

// The functions of lib/native/callbacks.ts.
struct ScriptRunner {
  Napi::FunctionReference invoke;    // (call, context, function, arguments)
  Napi::FunctionReference current;   // () the number of the call whose function is running, if any
  Napi::FunctionReference snapshot;  // () the async context
};

// Everything the addon keeps for one JavaScript environment (the main thread or one worker).
class Environment {
 public:
  explicit Environment(Napi::Env env)
      : references(std::make_shared<ReferenceBin>(env)), executor(env, generator), pool(env), ledger(env) {}
  ~Environment() { references->close(); }

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  std::shared_ptr<ReferenceBin> references;
  ScriptRunner script;
  // What operators draw from on the CPU where they are given none.
  const at::Generator generator = autograd::make_cpu_generator();
  Executor executor;
  PoolJobs pool;
  MemoryLedger ledger;
  // Of jobs that may write the gradient of any tensor.
  const std::shared_ptr<Pending> gradients = std::make_shared<Pending>();
  int64_t tensors = 0;  // handles of tensors that are neither disposed nor collected
  Napi::FunctionReference error_class;
  std::deque<Operator> operators;  // those that findOperator() found; they stay where they are
};

}  // namespace mcloss::node
