#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <node_api.h>

#include <cstdint>
#include <memory>

#include "../autograd/checkpoint.h"
#include "../data/batch_transfer.h"
#include "../distributed/gradient_reducer.h"
#include "../distributed/process_group.h"
#include "../nn/model.h"
#include "../train/ema.h"
#include "../train/grad_scaler.h"
#include "../train/optimizer.h"
#include "../train/step_graph.h"
#include "script_function.h"
#include "text.h"

namespace mcloss::node {

// A name for messages, and a number that tells a kind of handle from the others.
template <Text name, uint64_t number>
struct Kind {
  static constexpr const char* kName = name.characters;
  static constexpr uint64_t kNumber = number;
};

// What a JavaScript handle can hold.
template <class T>
struct HandleKind;

template <>
struct HandleKind<at::Tensor> : Kind<"Tensor", 1> {};
template <>
struct HandleKind<at::Generator> : Kind<"Generator", 2> {};
// An object of a class that LibTorch defines, such as packed weights: torch.ScriptObject.
template <>
struct HandleKind<c10::IValue> : Kind<"ScriptObject", 3> {};
template <>
struct HandleKind<std::shared_ptr<nn::Model>> : Kind<"Model", 4> {};
template <>
struct HandleKind<std::shared_ptr<train::Optimizer>> : Kind<"Optimizer", 5> {};
template <>
struct HandleKind<std::shared_ptr<train::GradScaler>> : Kind<"GradScaler", 6> {};
template <>
struct HandleKind<std::shared_ptr<train::Ema>> : Kind<"EMA", 7> {};
template <>
struct HandleKind<std::shared_ptr<train::StepGraph>> : Kind<"StepGraph", 8> {};
template <>
struct HandleKind<std::shared_ptr<autograd::CheckpointPass>> : Kind<"CheckpointPass", 9> {};
template <>
struct HandleKind<std::shared_ptr<ScriptFunction>> : Kind<"Hook", 10> {};
template <>
struct HandleKind<std::shared_ptr<data::BatchTransfer>> : Kind<"BatchTransfer", 11> {};
template <>
struct HandleKind<std::shared_ptr<distributed::Store>> : Kind<"Store", 12> {};
template <>
struct HandleKind<std::shared_ptr<distributed::ProcessGroup>> : Kind<"ProcessGroup", 13> {};

template <>
struct HandleKind<std::shared_ptr<distributed::GradientReducer>> : Kind<"GradientReducer", 14> {};

// A number of this copy of the addon: another in the same process must not take its handles for its own.
uint64_t addon_copy();

template <class T>
napi_type_tag tag_of() {
  return {0x6d6c6f7373000000 + HandleKind<T>::kNumber, 0x9b2f6a1c7d3e4f50 ^ addon_copy()};
}

}  // namespace mcloss::node
