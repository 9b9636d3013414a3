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

// The tensors that an object keeps all its life, which no handle of a tensor need be there for.
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
  std::vector<at::Tensor> tensors;
  for (const auto& state : optimizer->state()) tensors.push_back(state.tensor);
  return tensors;
}

// What the environment's ledger counts for a handle.
template <class T>
class Charges {
 public:
  void add(Environment& environment, const T& value) {
    const auto tensors = kept_tensors(value);
    charges_ = std::vector<Charge>(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) environment.ledger.add(charges_[i], tensors[i]);
  }
  void refund(Environment& environment) {
    for (auto& charge : charges_) environment.ledger.remove(charge);
  }

 private:
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

 private:
  Charge charge_;
};

}  // namespace mcloss::node
