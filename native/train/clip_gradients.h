#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss::train {

// Scales gradients, in place, so that their joint L2 norm is at most `max_norm`; gives the norm before
// (torch.nn.utils.clip_grad_norm_). Nothing waits for the device.
at::Tensor clip_norm(const std::vector<at::Tensor>& gradients, double max_norm);

// Limits every element to [-limit, limit], in place (torch.nn.utils.clip_grad_value_).
void clip_value(const std::vector<at::Tensor>& gradients, double limit);

}  // namespace mcloss::train
