#include "memory_ledger.h"

namespace mcloss::node {

Charge MemoryLedger::add(const at::Tensor& tensor) {
  ++handles_;
  if (!tensor.has_storage()) return {};
  const void* storage = tensor.storage().unsafeGetStorageImpl();
  auto& entry = storages_[storage];
  if (entry.handles++ == 0) {
    entry.bytes = static_cast<int64_t>(tensor.storage().nbytes());
    adjust(entry.bytes);
  }
  return {storage};
}

void MemoryLedger::remove(Charge charge) {
  --handles_;
  if (!charge.storage) return;
  const auto entry = storages_.find(charge.storage);
  if (--entry->second.handles > 0) return;
  adjust(-entry->second.bytes);
  storages_.erase(entry);
}

void MemoryLedger::adjust(int64_t bytes) {
  bytes_ += bytes;
  Napi::MemoryManagement::AdjustExternalMemory(env_, bytes);
}

}  // namespace mcloss::node
