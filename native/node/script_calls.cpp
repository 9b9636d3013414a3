#include "script_calls.h"

#include <ATen/core/grad_mode.h>

#include "environment.h"
#include "script_function.h"
#include "to_script.h"

namespace mcloss::node {

struct ScriptCalls::Call {
  const ScriptFunction& function;
  autograd::CallbackArguments arguments;
  std::shared_ptr<ScriptValue> context;
  bool grad;  // whether the function's operations are recorded: with createGraph
  bool waited_for;
  bool done = false;
  std::vector<at::Tensor> results = {};
  std::exception_ptr failure = nullptr;
  std::deque<std::unique_ptr<Job>> jobs = {};
};

namespace {

CodedError stopped_error() {
  return {"ERR_ABORTED", "the process or worker ended while backward waited for a JavaScript function"};
}

Napi::Value to_flags(Napi::Env env, const std::vector<bool>& flags) {
  auto array = Napi::Array::New(env, flags.size());
  for (uint32_t i = 0; i < flags.size(); ++i) array[i] = Napi::Boolean::New(env, flags[i]);
  return array;
}

}  // namespace

std::vector<at::Tensor> ScriptCalls::call(const ScriptFunction& function,
                                          autograd::CallbackArguments arguments,
                                          std::shared_ptr<ScriptValue> context) {
  const bool direct = std::this_thread::get_id() == script_thread_;
  const auto call = std::make_shared<Call>(
      Call{function, std::move(arguments), std::move(context), at::GradMode::is_enabled(), !direct});
  uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) throw stopped_error();
    id = ++last_id_;
    calls_.emplace(id, call);
    if (!direct) asked_.push_back(id);
  }
  if (direct) {
    begin(executor_.env(), id, *call);
    if (!call->done) {
      fail(id,
           std::make_exception_ptr(CodedError("ERR_UNSUPPORTED",
                                              "a function that returns a promise cannot be waited for here: "
                                              "the operator that calls it runs on the JavaScript thread")));
    }
  } else {
    executor_.wake_script();
    wait(*call);
  }
  {
    const std::lock_guard lock(mutex_);
    calls_.erase(id);
  }
  if (call->failure) std::rethrow_exception(call->failure);
  return std::move(call->results);
}

void ScriptCalls::wait(Call& call) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopped_ || call.done || !call.jobs.empty(); });
    // What was answered before the end counts.
    if (call.done && call.jobs.empty()) return;
    if (stopped_) {
      call.failure = std::make_exception_ptr(stopped_error());
      return;
    }
    auto job = std::move(call.jobs.front());
    call.jobs.pop_front();
    lock.unlock();
    executor_.run(std::move(job));
    lock.lock();
  }
}

bool ScriptCalls::begin_next(Napi::Env env) {
  uint64_t id = 0;
  std::shared_ptr<Call> call;
  {
    const std::lock_guard lock(mutex_);
    if (asked_.empty() || stopped_) return false;
    id = asked_.front();
    asked_.pop_front();
    call = calls_.at(id);
  }
  begin(env, id, *call);
  return true;
}

void ScriptCalls::begin(Napi::Env env, uint64_t id, const Call& call) {
  const Napi::HandleScope scope(env);
  try {
    const Napi::Value function = call.function.get(env);
    if (function.IsNull()) return finish(id, {});
    auto arguments = Napi::Object::New(env);
    arguments.Set("tensors", To<std::vector<at::Tensor>>::give(env, call.arguments.tensors));
    arguments.Set("flags", to_flags(env, call.arguments.flags));
    arguments.Set("grad", call.grad);
    const auto& pass = call.arguments.pass;
    arguments.Set("pass", pass ? wrap(env, pass) : Napi::Value(env.Null()));
    const Napi::Value context = call.context ? call.context->get(env) : Napi::Value(env.Null());
    const auto& invoke = Environment::of(env).script.invoke;
    invoke.Call({Napi::Number::New(env, static_cast<double>(id)), context, function, arguments});
  } catch (...) {
    // JavaScript that cannot run any more, as in a worker that is being terminated.
    fail(id, std::make_exception_ptr(stopped_error()));
  }
}

std::shared_ptr<ScriptCalls::Call> ScriptCalls::find(uint64_t id) {
  const auto found = calls_.find(id);
  return found == calls_.end() || found->second->done ? nullptr : found->second;
}

void ScriptCalls::finish(uint64_t id, std::vector<at::Tensor> results) {
  {
    const std::lock_guard lock(mutex_);
    const auto call = find(id);
    if (!call) return;
    call->results = std::move(results);
    call->done = true;
  }
  changed_.notify_all();
}

void ScriptCalls::fail(uint64_t id, std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    const auto call = find(id);
    if (!call) return;
    call->failure = std::move(failure);
    call->done = true;
  }
  changed_.notify_all();
}

std::shared_ptr<ScriptCalls::Call> ScriptCalls::served(Napi::Env env) {
  {
    const std::lock_guard lock(mutex_);
    if (calls_.empty()) return nullptr;
  }
  const Napi::Value current = Environment::of(env).script.current.Call({});
  if (!current.IsNumber()) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto call = find(static_cast<uint64_t>(current.As<Napi::Number>().Int64Value()));
  return call && call->waited_for ? call : nullptr;
}

bool ScriptCalls::are_served() {
  const Napi::HandleScope scope(executor_.env());
  return served(executor_.env()) != nullptr;
}

void ScriptCalls::adopt(Napi::Env env, std::unique_ptr<Job>& job) {
  const auto call = served(env);
  if (!call) return;
  {
    const std::lock_guard lock(mutex_);
    call->jobs.push_back(std::move(job));
  }
  changed_.notify_all();
}

void ScriptCalls::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

}  // namespace mcloss::node
