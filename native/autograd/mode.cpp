#include "mode.h"

#include <utility>

namespace mcloss::autograd {
namespace {

const Mode kDefault;
thread_local const Mode* current = &kDefault;

}  // namespace

ModeGuard::ModeGuard(const Mode& mode)
    : grad_mode_(mode.recording == Recording::kGrad), previous_(std::exchange(current, &mode)) {
  if (mode.recording == Recording::kInference) inference_.emplace();
}

ModeGuard::~ModeGuard() {
  current = previous_;
}

const Mode& current_mode() {
  return *current;
}

}  // namespace mcloss::autograd
