#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "errors.h"

namespace mcloss::node {

// A unit of work: run() on the executor's thread, then settle() on the JavaScript thread.
class Job {
 public:
  virtual ~Job() = default;
  virtual void run() = 0;
  virtual void settle(Napi::Env env) = 0;
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

  // Drops what has not started and waits for what has. Safe to call twice.
  void stop();

 private:
  static void deliver(Napi::Env env, Napi::Function callback, Executor* executor, Job* job);
  using Channel = Napi::TypedThreadSafeFunction<Executor, Job, &Executor::deliver>;

  void enqueue(Napi::Env env, std::unique_ptr<Job> job);
  void run_jobs();

  Channel channel_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  bool stopping_ = false;
  size_t unsettled_ = 0;  // only touched on the JavaScript thread
};

template <class Work, class Convert>
class PromiseJob final : public Job {
 public:
  PromiseJob(Napi::Env env, Work work, Convert convert)
      : deferred_(env), work_(std::move(work)), convert_(std::move(convert)) {}

  Napi::Value promise() const { return deferred_.Promise(); }

  void run() override {
    try {
      result_.emplace(work_());
    } catch (...) {
      failure_ = describe(std::current_exception());
    }
  }

  void settle(Napi::Env env) override {
    if (failure_) return deferred_.Reject(make_error(env, *failure_).Value());
    try {
      deferred_.Resolve(convert_(env, std::move(*result_)));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
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
