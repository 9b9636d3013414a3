#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace mcloss::data {

// Runs `work` on a stream of its own, beside what the device computes meanwhile; on the CPU, at once. On a
// GPU its result, and the host memory it reads, are ready only after join(), on this thread.
at::Tensor run_aside(c10::Device device, const std::function<at::Tensor()>& work);

// Waits for what run_aside() has still to do for `tensor`, and lets the current stream use it.
void join(const at::Tensor& tensor);

}  // namespace mcloss::data
