#pragma once

#include <napi.h>

#include <memory>

#include "script_value.h"

namespace mcloss::node {

// Who asked for a job.
struct Caller {
  static Caller capture(Napi::Env env);

  // Gives an error made later, with no JavaScript running, the stack of the call that caused it.
  void sign(const Napi::Error& error) const;

  std::unique_ptr<ScriptValue> stack;  // an Error made by the call
  std::shared_ptr<ScriptValue>
      context;  // runs a function in the call's async context; null where none could be called
};

}  // namespace mcloss::node
