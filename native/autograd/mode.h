#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace mcloss::autograd {

class CheckpointPass;

enum class Recording : uint8_t { kGrad, kNoGrad, kInference };

// How operations run: what they record for backward, and where they save what it needs.
struct Mode {
  Recording recording = Recording::kGrad;
  bool anomaly = false;                  // backward is checked, and its errors name the operation
  std::shared_ptr<CheckpointPass> pass;  // saves instead of LibTorch, if given
};

// Sets this thread's mode. `mode` must outlive the guard.
class ModeGuard {
 public:
  explicit ModeGuard(const Mode& mode);
  ~ModeGuard();
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  at::AutoGradMode grad_mode_;
  std::optional<c10::InferenceMode> inference_;
  const Mode* previous_;
};

// This thread's mode; the default outside every guard.
const Mode& current_mode();

}  // namespace mcloss::autograd
