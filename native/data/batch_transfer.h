#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <functional>
#include <optional>
#include <vector>

namespace mcloss::data {

// A batch on a device. Without labels these are undefined.
struct PreparedBatch {
  at::Tensor images;
  at::Tensor labels;
};

// A batch on its way to a device, which prepares it on a stream of its own, beside what it computes
// meanwhile.
class BatchTransfer {
 public:
  // `work` gives the batch; on the CPU it is ready when this ends.
  BatchTransfer(c10::Device device, const std::function<PreparedBatch()>& work);

  // Gives the batch, once: the current stream waits for it, and the host does not.
  PreparedBatch join();
  // Whether the device has read all that `work` gave it to read. On any thread.
  bool is_over() const { return !done_ || done_->query(); }

 private:
  PreparedBatch batch_;
  std::optional<c10::Event> done_;  // on a GPU
};

// Copies tensors of the host to the device, in one transfer. They go side by side into `memory` (uint8),
// which holds the first of them already; without it, into memory that the device reads by itself.
std::vector<at::Tensor> send_together(const std::vector<at::Tensor>& tensors,
                                      const std::optional<at::Tensor>& memory, c10::Device device);

}  // namespace mcloss::data
