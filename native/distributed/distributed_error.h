#pragma once

#include <stdexcept>
#include <string>

namespace mcloss::distributed {

// The processes of a run cannot work together, or no longer.
class DistributedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mcloss::distributed
