#pragma once

#include <c10/util/Exception.h>

#include "distributed_error.h"
#include "waiting.h"

namespace mcloss::distributed {

// Calls LibTorch's, which may wait for other processes. What it throws becomes a DistributedError.
template <class Call>
auto guarded_call(const Call& call) {
  const Waiting waiting;
  try {
    return call();
  } catch (const c10::Error& error) {
    throw DistributedError(error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw DistributedError(error.what());
  }
}

}  // namespace mcloss::distributed
