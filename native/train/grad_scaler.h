#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss::train {

struct GradScalerOptions {
  double initial_scale = 65536;
  double growth_factor = 2;
  double backoff_factor = 0.5;
  int64_t growth_interval = 2000;
};

// For checkpoints and messages.
struct ScalerState {
  double scale;
  int64_t growth_tracker;  // steps since the last change
};

// torch.amp.GradScaler: keeps half precision's gradients away from 0 by scaling the loss, finds steps whose
// gradients overflow, and adapts the scale. All of it stays on the device.
class GradScaler {
 public:
  explicit GradScaler(const GradScalerOptions& options);

  // The loss times the scale.
  at::Tensor scale(const at::Tensor& loss);
  // Divides gradients by the scale, in place; gives 1 where one of their elements is not finite, else 0.
  at::Tensor unscale(const std::vector<at::Tensor>& gradients);
  // Backs off after an overflow, grows after enough steps without one.
  void update(const at::Tensor& found_inf);

  ScalerState state() const;
  void restore(const ScalerState& state);

 private:
  void move_to(c10::Device device);

  GradScalerOptions options_;
  at::Tensor scale_;           // float32 [1]
  at::Tensor growth_tracker_;  // int32 [1]
};

}  // namespace mcloss::train
