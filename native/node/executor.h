#pragma once

#include <napi.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "caller.h"
#include "errors.h"
#include "script_calls.h"

namespace mcloss::node {

// A unit of work: run() on the executor's thread, then settle() on the JavaScript thread; or reject() instead
// of both.
class Job {
 public:
  virtual ~Job() = default;
  virtual void run() = 0;
  virtual void settle(Napi::Env env) = 0;
  virtual void reject(Napi::Value reason) = 0;
  virtual const Caller& caller() const = 0;
};

// Converts the result of work that is done only for its effect.
inline Napi::Value nothing(Napi::Env env, bool) {
  return env.Undefined();
}

// One thread per environment that runs jobs first in, first out, and settles their promises on the JavaScript
// thread, each in a macrotask of its own.
class Executor {
 public:
  explicit Executor(Napi::Env env);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // `work` runs on the executor's thread and must not touch JavaScript; `convert` makes its result a
  // JavaScript value.
  template <class Work, class Convert>
  Napi::Value submit(Napi::Env env, Work work, Convert convert);

  // Runs a job on a thread of the executor's.
  void run(std::unique_ptr<Job> job);
  // Calls a JavaScript function, in the async context of the running job's caller, and waits for it.
  std::vector<at::Tensor> call(const ScriptFunction& function, autograd::CallbackArguments arguments);
  // Such calls.
  ScriptCalls& calls() { return calls_; }
  // Makes the JavaScript thread look for something to do: to settle a job, or to begin a call.
  void wake_script() { channel_.NonBlockingCall(); }

  Napi::Env env() const { return env_; }

  // Whether no job is queued, running or unsettled.
  bool idle() const { return unsettled_ == 0; }

  // The number of the job submitted last.
  uint64_t last_job() const { return last_job_; }
  // Takes a job that has not started out of the queue and rejects its promise. False where it is too late.
  bool cancel(Napi::Env env, uint64_t number, Napi::Value reason);

  // Lets the running job finish and runs no other. Safe to call twice, and where JavaScript cannot run any
  // more.
  void stop();
  // stop(), and leaves no promise pending: those of jobs that did not start reject.
  void shut_down(Napi::Env env);

 private:
  struct Queued {
    uint64_t number;
    std::unique_ptr<Job> job;
  };

  static void deliver(Napi::Env env, Napi::Function callback, Executor* executor, void* nothing);
  using Channel = Napi::TypedThreadSafeFunction<Executor, void, &Executor::deliver>;

  void enqueue(Napi::Env env, std::unique_ptr<Job> job);
  void run_jobs();
  bool settle_next(Napi::Env env);
  void forget_one(Napi::Env env);

  Napi::Env env_;
  std::thread::id script_thread_ = std::this_thread::get_id();
  Channel channel_;
  ScriptCalls calls_{*this};
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Queued> queue_;
  std::deque<std::unique_ptr<Job>> finished_;
  std::shared_ptr<ScriptValue> context_;  // of the running job's caller
  bool stopping_ = false;
  // Only touched on the JavaScript thread:
  uint64_t last_job_ = 0;
  size_t unsettled_ = 0;
};

template <class Work, class Convert>
class PromiseJob final : public Job {
 public:
  PromiseJob(Napi::Env env, Work work, Convert convert)
      : deferred_(env), caller_(Caller::capture(env)), work_(std::move(work)), convert_(std::move(convert)) {}

  Napi::Value promise() const { return deferred_.Promise(); }

  void run() override {
    try {
      result_.emplace(work_());
    } catch (...) {
      failure_ = describe(std::current_exception());
    }
  }

  void settle(Napi::Env env) override {
    try {
      if (!failure_) return deferred_.Resolve(convert_(env, std::move(*result_)));
    } catch (const Napi::Error& error) {
      return deferred_.Reject(error.Value());
    } catch (...) {
      failure_ = describe(std::current_exception());
    }
    const auto error = make_error(env, *failure_);
    if (!failure_->thrown) caller_.sign(error);
    deferred_.Reject(error.Value());
  }

  void reject(Napi::Value reason) override { deferred_.Reject(reason); }

  const Caller& caller() const override { return caller_; }

 private:
  Napi::Promise::Deferred deferred_;
  Caller caller_;
  Work work_;
  Convert convert_;
  std::optional<std::invoke_result_t<Work>> result_;
  std::optional<ErrorReport> failure_;
};

template <class Work, class Convert>
Napi::Value Executor::submit(Napi::Env env, Work work, Convert convert) {
  auto job = std::make_unique<PromiseJob<Work, Convert>>(env, std::move(work), std::move(convert));
  const auto promise = job->promise();
  enqueue(env, std::move(job));
  return promise;
}

}  // namespace mcloss::node
