#include "waiting.h"

#include <atomic>

namespace mcloss::distributed {
namespace {

std::atomic<int> waiting = 0;

}  // namespace

Waiting::Waiting() {
  ++waiting;
}

Waiting::~Waiting() {
  --waiting;
}

bool is_waiting() {
  return waiting > 0;
}

}  // namespace mcloss::distributed
