#include "executor.h"

namespace mcloss::node {

Executor::Executor(Napi::Env env)
    : channel_(Channel::New(env, "mcloss executor", /*maxQueueSize=*/0, /*initialThreadCount=*/1, this)) {
  channel_.Unref(env);  // an idle executor does not keep the process alive
}

Executor::~Executor() {
  stop();
}

void Executor::enqueue(Napi::Env env, std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw CodedError("ERR_ABORTED", "the process is exiting: no new work is accepted");
    queue_.push_back(std::move(job));
  }
  if (unsettled_++ == 0) channel_.Ref(env);
  if (!thread_.joinable()) thread_ = std::thread(&Executor::run_jobs, this);
  wake_.notify_one();
}

void Executor::run_jobs() {
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job->run();
    // On success the channel owns the job until deliver().
    if (channel_.NonBlockingCall(job.get()) == napi_ok) static_cast<void>(job.release());
  }
}

void Executor::deliver(Napi::Env env, Napi::Function, Executor* executor, Job* delivered) {
  const std::unique_ptr<Job> job(delivered);
  // At teardown the queue is drained with no environment: nothing is left to tell.
  if (static_cast<napi_env>(env) == nullptr) return;
  const Napi::HandleScope scope(env);
  if (--executor->unsettled_ == 0) executor->channel_.Unref(env);
  try {
    job->settle(env);
  } catch (const Napi::Error&) {
    // JavaScript is being torn down: there is nobody to settle the promise for.
  }
}

void Executor::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  channel_.Release();
}

}  // namespace mcloss::node
