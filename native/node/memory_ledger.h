#pragma once

#include <ATen/core/Tensor.h>
#include <napi.h>

#include <cstdint>
#include <unordered_map>

namespace mcloss::node {

// What a handle was charged with, to be given back when it is released.
struct Charge {
  const void* storage = nullptr;
};

// Tells V8 how much memory its small handles keep alive, once per storage however many handles share it.
class MemoryLedger {
 public:
  explicit MemoryLedger(Napi::Env env) : env_(env) {}

  Charge add(const at::Tensor& tensor);
  void remove(Charge charge);

  int64_t handles() const { return handles_; }
  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    int64_t handles = 0;
    int64_t bytes = 0;
  };

  void adjust(int64_t bytes);

  Napi::Env env_;
  std::unordered_map<const void*, Entry> storages_;
  int64_t handles_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace mcloss::node
