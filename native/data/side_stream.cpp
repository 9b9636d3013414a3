#include "side_stream.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <unordered_map>

namespace mcloss::data {
namespace {

// Where a tensor that is not joined is freed, its event stays until its place is taken again: joining it is
// harmless.
std::unordered_map<const c10::StorageImpl*, c10::Event>& pending() {
  thread_local std::unordered_map<const c10::StorageImpl*, c10::Event> events;
  return events;
}

c10::Stream side_stream(const c10::impl::VirtualGuardImpl& backend, c10::Device device) {
  thread_local std::unordered_map<c10::Device, c10::Stream> streams;
  const c10::Device numbered = device.has_index() ? device : backend.getDevice();
  const auto found = streams.find(numbered);
  if (found != streams.end()) return found->second;
  return streams.emplace(numbered, backend.getStreamFromGlobalPool(numbered)).first->second;
}

}  // namespace

at::Tensor run_aside(c10::Device device, const std::function<at::Tensor()>& work) {
  if (device.is_cpu()) return work();
  const c10::impl::VirtualGuardImpl backend(device.type());
  const auto stream = side_stream(backend, device);
  const c10::StreamGuard guard(stream);
  auto result = work();
  c10::Event done(device.type());
  done.record(stream);
  pending().insert_or_assign(result.storage().unsafeGetStorageImpl(), std::move(done));
  return result;
}

void join(const at::Tensor& tensor) {
  const auto found = pending().extract(tensor.storage().unsafeGetStorageImpl());
  if (found.empty()) return;
  found.mapped().synchronize();
  tensor.record_stream(c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()));
}

}  // namespace mcloss::data
