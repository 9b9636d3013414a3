#pragma once

#include <ATen/core/Generator.h>
#include <napi.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "caller.h"
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

// One thread per environment that runs jobs first in, first out, and settles their promises on the JavaScript
// thread, each in a macrotask of its own.
class Executor {
 public:
  // `generator` is what jobs draw from where they are given none.
  Executor(Napi::Env env, at::Generator generator);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // How many threads LibTorch uses in jobs, of all executors.
  static void set_threads(int count);

  // Takes a job's turn in the queue.
  void submit(Napi::Env env, std::unique_ptr<Job> job);

  // Runs a job on a thread of the executor's.
  void run(std::unique_ptr<Job> job);
  // Calls a JavaScript function, in the async context of the running job's caller, and waits for it.
  std::vector<at::Tensor> call(const ScriptFunction& function, autograd::CallbackArguments arguments);
  // Such calls.
  ScriptCalls& calls() { return calls_; }
  // Makes the JavaScript thread look for something to do: to settle a job, or to begin a call.
  void wake_script() { wake_up_.NonBlockingCall(); }

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
  using WakeUp = Napi::TypedThreadSafeFunction<Executor, void, &Executor::deliver>;

  void run_jobs();
  bool settle_next(Napi::Env env);
  void forget_one(Napi::Env env);

  Napi::Env env_;
  at::Generator generator_;
  std::thread::id script_thread_ = std::this_thread::get_id();
  WakeUp wake_up_;
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

}  // namespace mcloss::node
