#include "thread_pool.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace mcloss::data {

ThreadPool& ThreadPool::shared() {
  // Never destroyed: its threads end with the process.
  static auto* pool = new ThreadPool();
  return *pool;
}

void ThreadPool::allow(size_t threads) {
  const std::lock_guard lock(mutex_);
  most_ = std::max(most_, threads);
}

size_t ThreadPool::threads() {
  const std::lock_guard lock(mutex_);
  return most_;
}

void ThreadPool::submit(std::function<void()> work, bool urgent) {
  {
    const std::lock_guard lock(mutex_);
    (urgent ? urgent_ : queue_).push_back(std::move(work));
    if (idle_ < urgent_.size() + queue_.size() && threads_ < most_) {
      ++threads_;
      std::thread(&ThreadPool::run, this).detach();
    }
  }
  wake_.notify_one();
}

void ThreadPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return !urgent_.empty() || !queue_.empty(); });
    --idle_;
    auto& from = urgent_.empty() ? queue_ : urgent_;
    const auto work = std::move(from.front());
    from.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace mcloss::data
