#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include "store.h"

namespace mcloss::distributed {

// A store of LibTorch's.
class C10dStore final : public Store {
 public:
  explicit C10dStore(c10::intrusive_ptr<c10d::Store> store) : store_(std::move(store)) {}

  void set(const std::string& key, const std::string& value) override;
  std::string get(const std::string& key, std::chrono::milliseconds timeout) override;
  bool has(const std::string& key) override;
  int64_t add(const std::string& key, int64_t amount) override;

  // The part of it whose keys begin with `prefix`.
  c10::intrusive_ptr<c10d::Store> part(const std::string& prefix) const;

 private:
  c10::intrusive_ptr<c10d::Store> store_;
};

}  // namespace mcloss::distributed
