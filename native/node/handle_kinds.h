#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <node_api.h>

#include <cstdint>
#include <memory>

#include "../autograd/checkpoint.h"
#include "../nn/model.h"
#include "../train/ema.h"
#include "../train/grad_scaler.h"
#include "../train/optimizer.h"
#include "../train/step_graph.h"
#include "script_function.h"

namespace mcloss::node {

// What a JavaScript handle can hold: its name in messages, and a number that tells it from the others.
template <class T>
struct HandleKind;

template <>
struct HandleKind<at::Tensor> {
  static constexpr const char* kName = "Tensor";
  static constexpr uint64_t kNumber = 1;
};
template <>
struct HandleKind<at::Generator> {
  static constexpr const char* kName = "Generator";
  static constexpr uint64_t kNumber = 2;
};
// An object of a class that LibTorch defines, such as packed weights: torch.ScriptObject.
template <>
struct HandleKind<c10::IValue> {
  static constexpr const char* kName = "ScriptObject";
  static constexpr uint64_t kNumber = 3;
};
template <>
struct HandleKind<std::shared_ptr<nn::Model>> {
  static constexpr const char* kName = "Model";
  static constexpr uint64_t kNumber = 4;
};
template <>
struct HandleKind<std::shared_ptr<train::Optimizer>> {
  static constexpr const char* kName = "Optimizer";
  static constexpr uint64_t kNumber = 5;
};
template <>
struct HandleKind<std::shared_ptr<train::GradScaler>> {
  static constexpr const char* kName = "GradScaler";
  static constexpr uint64_t kNumber = 6;
};
template <>
struct HandleKind<std::shared_ptr<train::Ema>> {
  static constexpr const char* kName = "EMA";
  static constexpr uint64_t kNumber = 7;
};
template <>
struct HandleKind<std::shared_ptr<train::StepGraph>> {
  static constexpr const char* kName = "StepGraph";
  static constexpr uint64_t kNumber = 8;
};
template <>
struct HandleKind<std::shared_ptr<autograd::CheckpointPass>> {
  static constexpr const char* kName = "CheckpointPass";
  static constexpr uint64_t kNumber = 9;
};
template <>
struct HandleKind<std::shared_ptr<ScriptFunction>> {
  static constexpr const char* kName = "Hook";
  static constexpr uint64_t kNumber = 10;
};

// A number of this copy of the addon: another in the same process must not take its handles for its own.
uint64_t addon_copy();

template <class T>
napi_type_tag tag_of() {
  return {0x6d6c6f7373000000 + HandleKind<T>::kNumber, 0x9b2f6a1c7d3e4f50 ^ addon_copy()};
}

}  // namespace mcloss::node
