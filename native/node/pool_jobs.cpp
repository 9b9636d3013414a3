#include "pool_jobs.h"

#include <utility>

#include "../data/thread_pool.h"
#include "environment.h"

namespace mcloss::node {

PoolJobs::PoolJobs(Napi::Env env) {
  progress_->wake_up =
      WakeUp::New(env, "mcloss decoding", /*maxQueueSize=*/0, /*initialThreadCount=*/1, this);
  progress_->wake_up.Unref(env);  // an idle pool does not keep the process alive
}

PoolJobs::~PoolJobs() {
  stop();
}

void PoolJobs::submit(Napi::Env env, std::unique_ptr<PoolJob> job, bool urgent) {
  if (unsettled_.empty()) progress_->wake_up.Ref(env);
  auto* const kept = job.get();
  unsettled_.emplace(kept, std::move(job));
  data::ThreadPool::shared().submit([progress = progress_, kept] { run(*progress, *kept); }, urgent);
}

void PoolJobs::run(Progress& progress, PoolJob& job) {
  {
    const std::lock_guard lock(progress.mutex);
    if (progress.stopping) return;
    ++progress.running;
  }
  job.run();
  const std::lock_guard lock(progress.mutex);
  progress.finished.push_back(&job);
  if (--progress.running == 0) progress.ended.notify_all();
  if (!progress.stopping && progress.finished.size() == 1) progress.wake_up.NonBlockingCall();
}

void PoolJobs::deliver(Napi::Env env, Napi::Function, PoolJobs* jobs, void*) {
  // At teardown what was called is drained with no environment: nothing is left to tell.
  if (static_cast<napi_env>(env) != nullptr) jobs->settle_finished(env);
}

void PoolJobs::settle_finished(Napi::Env env) {
  std::vector<PoolJob*> finished;
  {
    const std::lock_guard lock(progress_->mutex);
    finished.swap(progress_->finished);
  }
  for (auto* const job : finished) {
    const Napi::HandleScope scope(env);
    try {
      job->settle(env);
    } catch (const Napi::Error&) {
      // JavaScript is being torn down: there is nobody to settle the promise for.
    }
    unsettled_.erase(job);
  }
  if (unsettled_.empty()) progress_->wake_up.Unref(env);
}

void PoolJobs::stop() {
  {
    std::unique_lock lock(progress_->mutex);
    if (progress_->stopping) return;
    progress_->stopping = true;
    progress_->ended.wait(lock, [this] { return progress_->running == 0; });
  }
  progress_->wake_up.Release();
}

}  // namespace mcloss::node
