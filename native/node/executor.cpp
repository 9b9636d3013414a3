#include "executor.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "../autograd/generator.h"
#include "../autograd/mode.h"
#include "../ops/convolution.h"
#include "environment.h"
#include "errors.h"

namespace mcloss::node {
namespace {

// LibTorch's count is each thread's own. 0 where none was set.
std::atomic<int> wanted_threads{0};

Napi::Value exiting(Napi::Env env) {
  return make_error(env, {"ERR_ABORTED", "the process or worker ended before this work began", {}}).Value();
}

}  // namespace

Executor::Executor(Napi::Env env, at::Generator generator)
    : env_(env),
      generator_(std::move(generator)),
      wake_up_(WakeUp::New(env, "mcloss executor", /*maxQueueSize=*/0, /*initialThreadCount=*/1, this)) {
  wake_up_.Unref(env);  // an idle executor does not keep the process alive
}

Executor::~Executor() {
  stop();
}

void Executor::set_threads(int count) {
  wanted_threads = count;
}

void Executor::submit(Napi::Env env, std::unique_ptr<Job> job) {
  if (stopping_) return job->reject(exiting(env));
  if (unsettled_++ == 0) wake_up_.Ref(env);
  ++last_job_;
  calls_.adopt(env, job);
  if (!job) return;
  if (!thread_.joinable()) thread_ = std::thread(&Executor::run_jobs, this);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({last_job_, std::move(job)});
  }
  wake_.notify_one();
}

void Executor::run_jobs() {
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      job = std::move(queue_.front().job);
      queue_.pop_front();
    }
    run(std::move(job));
  }
}

void Executor::run(std::unique_ptr<Job> job) {
  auto context = job->caller().context;
  {
    const std::lock_guard lock(mutex_);
    context_.swap(context);
  }
  {
    // Not that of the job that waits for this one, if any.
    const autograd::Mode mode;
    const autograd::ModeGuard guard(mode);
    const autograd::GeneratorScope scope(generator_);
    if (const int count = wanted_threads; count > 0) use_threads_here(count);
    job->run();
  }
  {
    const std::lock_guard lock(mutex_);
    context_.swap(context);
    finished_.push_back(std::move(job));
  }
  wake_script();
}

std::vector<at::Tensor> Executor::call(const ScriptFunction& function,
                                       autograd::CallbackArguments arguments) {
  std::shared_ptr<ScriptValue> context;
  if (std::this_thread::get_id() != script_thread_) {
    const std::lock_guard lock(mutex_);
    context = context_;
  }
  return calls_.call(function, std::move(arguments), std::move(context));
}

bool Executor::cancel(Napi::Env env, uint64_t number, Napi::Value reason) {
  std::unique_ptr<Job> job;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(queue_.begin(), queue_.end(),
                                    [number](const Queued& queued) { return queued.number == number; });
    if (found == queue_.end()) return false;
    job = std::move(found->job);
    queue_.erase(found);
  }
  forget_one(env);
  job->reject(reason);
  return true;
}

void Executor::deliver(Napi::Env env, Napi::Function, Executor* executor, void*) {
  // At teardown what was called is drained with no environment: nothing is left to tell.
  if (static_cast<napi_env>(env) == nullptr) return;
  Environment::of(env).references->empty();
  if (!executor->settle_next(env)) executor->calls_.begin_next(env);
}

bool Executor::settle_next(Napi::Env env) {
  std::unique_ptr<Job> job;
  {
    const std::lock_guard lock(mutex_);
    if (finished_.empty()) return false;
    job = std::move(finished_.front());
    finished_.pop_front();
  }
  const Napi::HandleScope scope(env);
  forget_one(env);
  try {
    job->settle(env);
  } catch (const Napi::Error&) {
    // JavaScript is being torn down: there is nobody to settle the promise for.
  }
  return true;
}

void Executor::forget_one(Napi::Env env) {
  if (--unsettled_ == 0 && !stopping_) wake_up_.Unref(env);
}

void Executor::stop() {
  if (stopping_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  calls_.stop();
  if (thread_.joinable()) thread_.join();
  wake_up_.Release();
}

void Executor::shut_down(Napi::Env env) {
  stop();
  while (settle_next(env)) continue;
  for (const auto& queued : std::exchange(queue_, {})) queued.job->reject(exiting(env));
}

}  // namespace mcloss::node
