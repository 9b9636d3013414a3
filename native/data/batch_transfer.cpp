#include "batch_transfer.h"

#include <ATen/ops/empty.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace mcloss::data {
namespace {

// Tensors begin on cache lines.
constexpr int64_t kAlignment = 64;

// One for each device, whichever thread asks.
c10::Stream side_stream(const c10::impl::VirtualGuardImpl& backend, c10::Device device) {
  static std::mutex mutex;
  static std::unordered_map<c10::Device, c10::Stream> streams;
  const c10::Device numbered = device.has_index() ? device : backend.getDevice();
  const std::lock_guard lock(mutex);
  const auto found = streams.find(numbered);
  if (found != streams.end()) return found->second;
  return streams.emplace(numbered, backend.getStreamFromGlobalPool(numbered)).first->second;
}

void use_on_current_stream(const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  tensor.record_stream(c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()));
}

}  // namespace

BatchTransfer::BatchTransfer(c10::Device device, const std::function<PreparedBatch()>& work) {
  if (device.is_cpu()) {
    batch_ = work();
    return;
  }
  const auto stream = side_stream(c10::impl::VirtualGuardImpl(device.type()), device);
  const c10::StreamGuard guard(stream);
  batch_ = work();
  done_.emplace(device.type());
  done_->record(stream);
}

PreparedBatch BatchTransfer::join() {
  if (done_) {
    const auto device = batch_.images.device();
    done_->block(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
    use_on_current_stream(batch_.images);
    use_on_current_stream(batch_.labels);
  }
  return std::exchange(batch_, {});
}

std::vector<at::Tensor> send_together(const std::vector<at::Tensor>& tensors,
                                      const std::optional<at::Tensor>& memory, c10::Device device) {
  std::vector<int64_t> offsets;
  int64_t end = 0;
  for (const auto& tensor : tensors) {
    offsets.push_back((end + kAlignment - 1) / kAlignment * kAlignment);
    end = offsets.back() + static_cast<int64_t>(tensor.nbytes());
  }
  const auto options = at::TensorOptions(at::kByte).pinned_memory(!device.is_cpu());
  const auto together = memory ? *memory : at::empty({end}, options);
  TORCH_CHECK_VALUE(together.numel() >= end, "memory has ", together.numel(), " bytes, but the batch takes ",
                    end);
  auto* bytes = together.mutable_data_ptr<uint8_t>();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const void* from = tensors[i].const_data_ptr();
    if (from != bytes + offsets[i]) std::memcpy(bytes + offsets[i], from, tensors[i].nbytes());
  }
  const auto sent = together.narrow(0, 0, end).to(device, /*non_blocking=*/true);
  std::vector<at::Tensor> results;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto part = sent.narrow(0, offsets[i], static_cast<int64_t>(tensors[i].nbytes()));
    results.push_back(part.view(tensors[i].scalar_type()).view(tensors[i].sizes()));
  }
  return results;
}

}  // namespace mcloss::data
