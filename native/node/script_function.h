#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "../autograd/callback.h"
#include "script_value.h"

namespace mcloss::node {

class Executor;

// A JavaScript function that the graph calls. It takes { tensors, flags, grad, pass } and returns an array of
// handles and nulls, or a promise of one.
class ScriptFunction final : public autograd::Callback {
 public:
  explicit ScriptFunction(const Napi::Value& function);
  ~ScriptFunction() override;

  std::vector<at::Tensor> call(autograd::CallbackArguments arguments) const override;

  // On the JavaScript thread. Calls made after this do nothing.
  void remove();
  // On the JavaScript thread: the function, or null once it is removed.
  Napi::Value get(Napi::Env env) const;

 private:
  Executor& executor_;
  std::shared_ptr<ReferenceBin> bin_;
  std::unique_ptr<ScriptValue> function_;
  std::atomic<bool> removed_{false};
};

// What a JavaScript function threw, on its way through native code.
class ScriptException : public std::exception {
 public:
  explicit ScriptException(std::shared_ptr<ScriptValue> holder) : holder_(std::move(holder)) {}
  const char* what() const noexcept override { return "a JavaScript function failed"; }
  // An array with the value, which need not be an object.
  const std::shared_ptr<ScriptValue>& holder() const { return holder_; }

 private:
  std::shared_ptr<ScriptValue> holder_;
};

}  // namespace mcloss::node
