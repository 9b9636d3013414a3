#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "../nn/model.h"
#include "../train/ema.h"
#include "../train/optimizer.h"
#include "environment.h"

namespace mcloss::node {

// The tensors that an object keeps all its life and writes, which no handle of a tensor need be there for.
template <class T>
std::vector<at::Tensor> kept_tensors(const T&) {
  return {};
}

template <class Entries>
std::vector<at::Tensor> tensors_of(const Entries& entries) {
  std::vector<at::Tensor> tensors;
  for (const auto& entry : entries) tensors.push_back(entry.tensor);
  return tensors;
}

inline std::vector<at::Tensor> kept_tensors(const std::shared_ptr<nn::Model>& model) {
  return tensors_of(model->state().entries());
}

inline std::vector<at::Tensor> kept_tensors(const std::shared_ptr<train::Ema>& ema) {
  return tensors_of(ema->entries());
}

inline std::vector<at::Tensor> kept_tensors(const std::shared_ptr<train::Optimizer>& optimizer) {
  auto tensors = tensors_of(optimizer->state());
  const auto parameters = optimizer->parameters();
  tensors.insert(tensors.end(), parameters.begin(), parameters.end());
  return tensors;
}

// What the environment's ledger knows of a handle: the memory that it keeps, and the jobs that use it.
template <class T>
class Charges {
 public:
  void add(Environment& environment, const T& value) {
    pending_ = std::make_shared<Pending>();
    const auto tensors = kept_tensors(value);
    charges_ = std::vector<Charge>(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      environment.ledger.add(charges_[i], tensors[i]);
      environment.ledger.share(charges_[i], pending_);
    }
  }
  void refund(Environment& environment) {
    for (auto& charge : charges_) environment.ledger.remove(charge);
  }

  // The job that stands against an access to the object, or to a tensor that it keeps.
  std::string_view against(const Environment& environment, Access access) const {
    if (const auto job = pending_->against(access); !job.empty()) return job;
    for (const auto& charge : charges_) {
      if (const auto job = environment.ledger.against(charge.storage, access); !job.empty()) return job;
    }
    return {};
  }

  const std::shared_ptr<Pending>& pending() const { return pending_; }

 private:
  std::shared_ptr<Pending> pending_;
  std::vector<Charge> charges_;
};

template <>
class Charges<at::Tensor> {
 public:
  void add(Environment& environment, const at::Tensor& tensor) {
    environment.ledger.add(charge_, tensor);
    ++environment.tensors;
  }
  void refund(Environment& environment) {
    environment.ledger.remove(charge_);
    --environment.tensors;
  }

  std::string_view against(const Environment& environment, Access access) const {
    return environment.ledger.against(charge_.storage, access);
  }

  const Charge& charge() const { return charge_; }

 private:
  Charge charge_;
};

}  // namespace mcloss::node
