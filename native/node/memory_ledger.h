#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/flat_hash_map.h>
#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pending.h"

namespace mcloss::node {

// A tensor that a handle keeps, as a link in the ledger's list. Must not move while it is in there.
struct Charge {
  const c10::TensorImpl* tensor = nullptr;
  const c10::StorageImpl* storage = nullptr;  // what it is charged for; only ever compared
  Charge* previous = nullptr;
  Charge* next = nullptr;
};

// What is known of each storage that handles keep alive: how much memory it is, counted once however many
// handles share it and taken back whatever becomes of it meanwhile, of which V8 is told roughly; and which
// jobs use it.
class MemoryLedger {
 public:
  explicit MemoryLedger(Napi::Env env) : env_(env) {}
  ~MemoryLedger();
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  void add(Charge& charge, const at::Tensor& tensor);
  void remove(Charge& charge);

  // Brings the charges up to date where tensors got other storages since (set_, a model moved to another
  // device) or storages another size (resize_). Leaves alone what a job may be moving at the same time.
  void reconcile();

  // From now on what is pending for `owner` is so for the memory of a tensor that has a charge.
  void share(const Charge& charge, const std::shared_ptr<Pending>& owner);
  // So is what is pending for the owners of another's.
  void share_owners(const Charge& charge, const Charge& other);
  // A job that uses a storage itself.
  void begin(const c10::StorageImpl* storage, Access access, std::string_view job);
  void end(const c10::StorageImpl* storage, Access access);
  // The job that stands against an access to a storage: one that uses it, or one that uses an owner.
  std::string_view against(const c10::StorageImpl* storage, Access access) const;

  int64_t bytes() const { return bytes_; }
  std::map<std::string, int64_t> bytes_by_device() const;

 private:
  struct Entry {
    int64_t charges = 0;
    int64_t bytes = 0;
    c10::Device device = c10::kCPU;
    Pending pending = {};
    std::vector<std::weak_ptr<Pending>> owners = {};
  };

  static std::string_view against(const Entry& entry, Access access);
  Entry& measure(const c10::StorageImpl& storage);
  void charge_storage(Charge& charge);
  void refund_storage(Charge& charge);
  void drop_unused(const c10::StorageImpl* storage);
  void adjust(int64_t bytes);

  Napi::Env env_;
  ska::flat_hash_map<const c10::StorageImpl*, Entry> storages_;
  Charge* first_ = nullptr;
  int64_t bytes_ = 0;
  int64_t told_ = 0;  // to V8
};

}  // namespace mcloss::node
