#include "memory_ledger.h"

namespace mcloss::node {
namespace {

// Null where the tensor has no memory of its own kind to count, such as a sparse one or one of shapes alone.
const c10::StorageImpl* storage_of(const c10::TensorImpl& tensor) {
  if (!tensor.has_storage() || tensor.is_meta()) return nullptr;
  return tensor.unsafe_storage().unsafeGetStorageImpl();
}

}  // namespace

MemoryLedger::~MemoryLedger() {
  if (bytes_ != 0) adjust(-bytes_);
}

void MemoryLedger::add(Charge& charge, const at::Tensor& tensor) {
  charge.tensor = tensor.unsafeGetTensorImpl();
  charge.next = first_;
  if (first_) first_->previous = &charge;
  first_ = &charge;
  charge_storage(charge);
}

void MemoryLedger::remove(Charge& charge) {
  refund_storage(charge);
  (charge.previous ? charge.previous->next : first_) = charge.next;
  if (charge.next) charge.next->previous = charge.previous;
  charge = {};  // its handle may be filled again
}

void MemoryLedger::reconcile() {
  for (auto* charge = first_; charge; charge = charge->next) {
    if (storage_of(*charge->tensor) == charge->storage) {
      if (charge->storage) measure(*charge->storage);
      continue;
    }
    refund_storage(*charge);
    charge_storage(*charge);
  }
}

void MemoryLedger::charge_storage(Charge& charge) {
  charge.storage = storage_of(*charge.tensor);
  if (charge.storage) ++measure(*charge.storage).charges;
}

MemoryLedger::Entry& MemoryLedger::measure(const c10::StorageImpl& storage) {
  auto& entry = storages_[&storage];
  const auto bytes = static_cast<int64_t>(storage.nbytes());
  if (bytes != entry.bytes) adjust(bytes - entry.bytes);
  entry.bytes = bytes;
  entry.device = storage.device();
  return entry;
}

void MemoryLedger::refund_storage(Charge& charge) {
  if (!charge.storage) return;
  const auto entry = storages_.find(charge.storage);
  if (--entry->second.charges > 0) return;
  adjust(-entry->second.bytes);
  storages_.erase(entry);
}

std::map<std::string, int64_t> MemoryLedger::bytes_by_device() const {
  std::map<std::string, int64_t> devices;
  for (const auto& [storage, entry] : storages_) devices[entry.device.str()] += entry.bytes;
  return devices;
}

void MemoryLedger::adjust(int64_t bytes) {
  bytes_ += bytes;
  Napi::MemoryManagement::AdjustExternalMemory(env_, bytes);
}

}  // namespace mcloss::node
