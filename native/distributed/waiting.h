#pragma once

namespace mcloss::distributed {

// Something of this process waits for another process, which nothing but that process or a timeout ends.
class Waiting {
 public:
  Waiting();
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
};

bool is_waiting();

}  // namespace mcloss::distributed
