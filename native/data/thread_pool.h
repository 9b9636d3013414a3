#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace mcloss::data {

// The threads that read and decode images, of all environments of the process. They live as long as it does:
// what they keep for one image serves the next.
class ThreadPool {
 public:
  static ThreadPool& shared();

  // There are as many threads as work wants at once, up to the most that was ever asked for.
  void allow(size_t threads);
  size_t threads();
  // Work begins in the order in which it comes, and throws nothing; what is urgent begins before the other.
  void submit(std::function<void()> work, bool urgent);

 private:
  ThreadPool() = default;

  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> urgent_;
  std::deque<std::function<void()>> queue_;
  size_t most_ = 1;
  size_t threads_ = 0;
  size_t idle_ = 0;
};

}  // namespace mcloss::data
