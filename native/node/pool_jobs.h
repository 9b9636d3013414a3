#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace mcloss::node {

// Work for the pool's threads: run() on one of them, then settle() on the JavaScript thread.
class PoolJob {
 public:
  virtual ~PoolJob() = default;
  virtual void run() = 0;
  virtual void settle(Napi::Env env) = 0;
};

// What one environment has the pool do. Unlike an executor's jobs these run beside one another, and those
// that have ended meanwhile are settled together.
class PoolJobs {
 public:
  explicit PoolJobs(Napi::Env env);
  ~PoolJobs();
  PoolJobs(const PoolJobs&) = delete;
  PoolJobs& operator=(const PoolJobs&) = delete;

  void submit(Napi::Env env, std::unique_ptr<PoolJob> job, bool urgent);
  // Waits for what runs and begins nothing more: what jobs work on may be freed then. Safe to call twice.
  void stop();

 private:
  static void deliver(Napi::Env env, Napi::Function callback, PoolJobs* jobs, void* nothing);
  using WakeUp = Napi::TypedThreadSafeFunction<PoolJobs, void, &PoolJobs::deliver>;

  // What the pool's threads touch; work that begins late finds it after the environment's end.
  struct Progress {
    std::mutex mutex;
    std::condition_variable ended;
    bool stopping = false;
    size_t running = 0;
    std::vector<PoolJob*> finished;
    WakeUp wake_up;
  };

  static void run(Progress& progress, PoolJob& job);
  void settle_finished(Napi::Env env);

  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  // Only touched on the JavaScript thread, where they must end.
  std::unordered_map<PoolJob*, std::unique_ptr<PoolJob>> unsettled_;
};

}  // namespace mcloss::node
