#include "memory_ledger.h"

#include <cstdlib>

namespace mcloss::node {
namespace {

// V8 collects garbage for each 64 MB that it is told of, which takes longer than loading a batch of images
// that is disposed as soon: it is told of what stays, or is forgotten.
constexpr int64_t kUntold = int64_t{128} << 20;

// Null where the tensor has no memory of its own kind to count, such as a sparse one or one of shapes alone.
const c10::StorageImpl* storage_of(const c10::TensorImpl& tensor) {
  if (!tensor.has_storage() || tensor.is_meta()) return nullptr;
  return tensor.unsafe_storage().unsafeGetStorageImpl();
}

}  // namespace

MemoryLedger::~MemoryLedger() {
  if (told_ != 0) Napi::MemoryManagement::AdjustExternalMemory(env_, -told_);
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
    const auto known = storages_.find(charge->storage);
    if (known != storages_.end() && !against(known->second, Access::kLook).empty()) continue;
    if (storage_of(*charge->tensor) == charge->storage) {
      if (charge->storage) measure(*charge->storage);
      continue;
    }
    const auto owners = known == storages_.end() ? decltype(Entry::owners)() : known->second.owners;
    refund_storage(*charge);
    charge_storage(*charge);
    if (charge->storage && storages_[charge->storage].owners.empty()) {
      storages_[charge->storage].owners = owners;
    }
  }
}

void MemoryLedger::share(const Charge& charge, const std::shared_ptr<Pending>& owner) {
  if (!charge.storage) return;
  auto& owners = storages_[charge.storage].owners;
  std::erase_if(owners, [](const auto& known) { return known.expired(); });
  owners.emplace_back(owner);
}

void MemoryLedger::share_owners(const Charge& charge, const Charge& other) {
  const auto found = storages_.find(other.storage);
  if (found == storages_.end()) return;
  for (const auto& weak : std::vector(found->second.owners)) {
    if (const auto owner = weak.lock()) share(charge, owner);
  }
}

void MemoryLedger::begin(const c10::StorageImpl* storage, Access access, std::string_view job) {
  if (storage) storages_[storage].pending.begin(access, job);
}

void MemoryLedger::end(const c10::StorageImpl* storage, Access access) {
  if (!storage) return;
  storages_[storage].pending.end(access);
  drop_unused(storage);
}

std::string_view MemoryLedger::against(const c10::StorageImpl* storage, Access access) const {
  const auto found = storages_.find(storage);
  return found == storages_.end() ? std::string_view() : against(found->second, access);
}

std::string_view MemoryLedger::against(const Entry& entry, Access access) {
  if (const auto job = entry.pending.against(access); !job.empty()) return job;
  for (const auto& weak : entry.owners) {
    const auto owner = weak.lock();
    const auto job = owner ? owner->against(access) : std::string_view();
    if (!job.empty()) return job;
  }
  return {};
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
  auto& entry = storages_[charge.storage];
  if (--entry.charges > 0) return;
  adjust(-entry.bytes);
  entry.bytes = 0;
  drop_unused(charge.storage);
}

void MemoryLedger::drop_unused(const c10::StorageImpl* storage) {
  const auto entry = storages_.find(storage);
  if (entry->second.charges == 0 && entry->second.pending.none()) storages_.erase(entry);
}

std::map<std::string, int64_t> MemoryLedger::bytes_by_device() const {
  std::map<std::string, int64_t> devices;
  for (const auto& [storage, entry] : storages_) devices[entry.device.str()] += entry.bytes;
  return devices;
}

void MemoryLedger::adjust(int64_t bytes) {
  bytes_ += bytes;
  if (std::abs(bytes_ - told_) < kUntold) return;
  Napi::MemoryManagement::AdjustExternalMemory(env_, bytes_ - told_);
  told_ = bytes_;
}

}  // namespace mcloss::node
