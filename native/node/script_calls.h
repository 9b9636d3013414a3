#pragma once

#include <napi.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "../autograd/callback.h"
#include "script_value.h"

namespace mcloss::node {

class Executor;
class Job;
class ScriptFunction;

// Calls JavaScript functions for threads that compute. The calling thread waits until the function has
// returned, or its promise has settled, and meanwhile runs the jobs that the function submits: the executor,
// which would run them, is the one that waits.
class ScriptCalls {
 public:
  explicit ScriptCalls(Executor& executor) : executor_(executor) {}

  // From any thread. On the JavaScript thread a promise cannot be waited for, and is an error.
  std::vector<at::Tensor> call(const ScriptFunction& function, autograd::CallbackArguments arguments,
                               std::shared_ptr<ScriptValue> context);

  // On the JavaScript thread: starts the function that was asked for first, if any.
  bool begin_next(Napi::Env env);
  // The function returned these, or threw. A call that is over already is left alone.
  void finish(uint64_t id, std::vector<at::Tensor> results);
  void fail(uint64_t id, std::exception_ptr failure);
  // On the JavaScript thread: whether what runs was called for a thread that waits for it.
  bool are_served();
  // Takes a job that a waiting call's function submits; leaves any other.
  void adopt(Napi::Env env, std::unique_ptr<Job>& job);

  // Waiting calls throw, and so does every later one.
  void stop();

 private:
  struct Call;

  // The call whose function is running and whose caller waits on a thread of its own, if any.
  std::shared_ptr<Call> served(Napi::Env env);
  void begin(Napi::Env env, uint64_t id, const Call& call);
  void wait(Call& call);
  std::shared_ptr<Call> find(uint64_t id);

  Executor& executor_;
  std::thread::id script_thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<uint64_t, std::shared_ptr<Call>> calls_;
  std::deque<uint64_t> asked_;  // not begun
  uint64_t last_id_ = 0;
  bool stopped_ = false;
};

}  // namespace mcloss::node
