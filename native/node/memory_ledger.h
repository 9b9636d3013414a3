#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/flat_hash_map.h>
#include <napi.h>

#include <cstdint>
#include <map>
#include <string>

namespace mcloss::node {

// A tensor that a handle keeps, as a link in the ledger's list. Must not move while it is in there.
struct Charge {
  const c10::TensorImpl* tensor = nullptr;
  const c10::StorageImpl* storage = nullptr;  // what it is charged for; only ever compared
  Charge* previous = nullptr;
  Charge* next = nullptr;
};

// Tells V8 how much memory its small handles keep alive, once per storage however many handles share it. What
// it adds for a storage it subtracts again, whatever becomes of the storage meanwhile.
class MemoryLedger {
 public:
  explicit MemoryLedger(Napi::Env env) : env_(env) {}
  ~MemoryLedger();
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  void add(Charge& charge, const at::Tensor& tensor);
  void remove(Charge& charge);

  // Brings the charges up to date where tensors got other storages since (set_, a model moved to another
  // device) or storages another size (resize_).
  void reconcile();

  int64_t bytes() const { return bytes_; }
  std::map<std::string, int64_t> bytes_by_device() const;

 private:
  struct Entry {
    int64_t charges = 0;
    int64_t bytes = 0;
    c10::Device device = c10::kCPU;
  };

  Entry& measure(const c10::StorageImpl& storage);
  void charge_storage(Charge& charge);
  void refund_storage(Charge& charge);
  void adjust(int64_t bytes);

  Napi::Env env_;
  ska::flat_hash_map<const c10::StorageImpl*, Entry> storages_;
  Charge* first_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace mcloss::node
