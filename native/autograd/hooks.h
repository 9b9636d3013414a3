#pragma once

#include <memory>

#include "callback.h"

namespace mcloss::autograd {

// Calls `hook` with every gradient of `tensor`; what it returns, if anything, takes the gradient's place.
void register_hook(const at::Tensor& tensor, std::shared_ptr<const Callback> hook);

// Calls `hook` with the leaf `tensor` after a gradient was accumulated in it.
void register_post_accumulate_hook(const at::Tensor& tensor, std::shared_ptr<const Callback> hook);

}  // namespace mcloss::autograd
