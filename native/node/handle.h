#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../train/grad_scaler.h"
#include "../train/step_graph.h"
#include "charges.h"
#include "environment.h"
#include "script_function.h"

namespace mcloss::node {

// What a JavaScript handle can hold: its name in messages and the tag that tells it from every other object.
template <class T>
struct HandleKind;

template <>
struct HandleKind<at::Tensor> {
  static constexpr const char* kName = "Tensor";
  static constexpr napi_type_tag kTag{0x6d6c6f7373543031, 0x9b2f6a1c7d3e4f50};
};
template <>
struct HandleKind<at::Generator> {
  static constexpr const char* kName = "Generator";
  static constexpr napi_type_tag kTag{0x6d6c6f7373473031, 0x1f8e2d3c4b5a6978};
};
// An object of a class that LibTorch defines, such as packed weights: torch.ScriptObject.
template <>
struct HandleKind<c10::IValue> {
  static constexpr const char* kName = "ScriptObject";
  static constexpr napi_type_tag kTag{0x6d6c6f73734f3031, 0x2e7d19c86b50f3a4};
};
template <>
struct HandleKind<std::shared_ptr<nn::Model>> {
  static constexpr const char* kName = "Model";
  static constexpr napi_type_tag kTag{0x6d6c6f73734d3031, 0x83a4c5e60718293a};
};
template <>
struct HandleKind<std::shared_ptr<train::Optimizer>> {
  static constexpr const char* kName = "Optimizer";
  static constexpr napi_type_tag kTag{0x6d6c6f73734f3031, 0x4c5d6e7f80912a3b};
};
template <>
struct HandleKind<std::shared_ptr<train::GradScaler>> {
  static constexpr const char* kName = "GradScaler";
  static constexpr napi_type_tag kTag{0x6d6c6f7373533032, 0x52e1d07c9a3b4f68};
};
template <>
struct HandleKind<std::shared_ptr<train::Ema>> {
  static constexpr const char* kName = "EMA";
  static constexpr napi_type_tag kTag{0x6d6c6f7373453031, 0x3d5a7c1e9f204b86};
};
template <>
struct HandleKind<std::shared_ptr<train::StepGraph>> {
  static constexpr const char* kName = "StepGraph";
  static constexpr napi_type_tag kTag{0x6d6c6f7373533033, 0x1c9e4b7d2a5f8063};
};

// A number of this copy of the addon: another in the same process must not take its handles for its own.
uint64_t addon_copy();

template <class T>
napi_type_tag tag_of() {
  return {HandleKind<T>::kTag.lower, HandleKind<T>::kTag.upper ^ addon_copy()};
}

template <>
struct HandleKind<std::shared_ptr<autograd::CheckpointPass>> {
  static constexpr const char* kName = "CheckpointPass";
  static constexpr napi_type_tag kTag{0x6d6c6f7373503031, 0x7a1d3e5b9c2f4068};
};
template <>
struct HandleKind<std::shared_ptr<ScriptFunction>> {
  static constexpr const char* kName = "Hook";
  static constexpr napi_type_tag kTag{0x6d6c6f7373483031, 0x5e8b1c7d4f3a2960};
};

// The one owner of a native object that JavaScript holds. Emptied by dispose() or by the finalizer.
template <class T>
struct Handle {
  std::optional<T> value;
  Charges<T> charges;

  // Only for an empty one.
  void fill(Environment& environment, T given) {
    value.emplace(std::move(given));
    charges.add(environment, *value);
  }

  void release(Environment& environment) {
    if (!value) return;
    charges.refund(environment);
    value.reset();
  }
};

template <class T>
struct NewHandle {
  Napi::Value object;
  Handle<T>& handle;
};

template <class T>
NewHandle<T> make_handle(Napi::Env env) {
  auto handle = std::make_unique<Handle<T>>();
  auto object = Napi::Object::New(env);
  const auto tag = tag_of<T>();
  object.TypeTag(&tag);
  const auto finalize = [](napi_env raw, void* data, void*) {
    const std::unique_ptr<Handle<T>> finalized(static_cast<Handle<T>*>(data));
    // At the environment's end its state may be gone before the last handles.
    if (auto* environment = Napi::Env(raw).GetInstanceData<Environment>()) finalized->release(*environment);
  };
  const napi_status status = napi_wrap(env, object, handle.get(), finalize, nullptr, nullptr);
  if (status != napi_ok) throw Napi::Error::New(env);
  return {object, *handle.release()};  // the finalizer owns it now
}

template <class T>
Napi::Value wrap(Napi::Env env, T value) {
  const auto [object, handle] = make_handle<T>(env);
  handle.fill(Environment::of(env), std::move(value));
  return object;
}

template <class T>
bool is_handle(const Napi::Value& value) {
  const auto tag = tag_of<T>();
  return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&tag);
}

// Null for any other value.
template <class T>
Handle<T>* find_handle(const Napi::Value& value) {
  void* data = nullptr;
  if (is_handle<T>(value)) napi_unwrap(value.Env(), value, &data);
  return static_cast<Handle<T>*>(data);
}

// What a handle holds; null for any other value.
template <class T>
T* find(const Napi::Value& value, const std::string& argument) {
  auto* handle = find_handle<T>(value);
  if (!handle) return nullptr;
  if (handle->value) return &*handle->value;
  throw CodedError("ERR_DISPOSED", argument + " is a disposed " + HandleKind<T>::kName, argument);
}

template <class T>
T& unwrap(const Napi::Value& value, const std::string& argument) {
  if (auto* held = find<T>(value, argument)) return *held;
  throw CodedError("ERR_ARGUMENT", argument + " must be a " + HandleKind<T>::kName, argument);
}

inline std::vector<at::Tensor> to_tensors(const Napi::Value& value, const std::string& argument) {
  const auto array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < array.Length(); ++i) tensors.push_back(unwrap<at::Tensor>(array[i], argument));
  return tensors;
}

// An undefined tensor becomes null.
inline Napi::Value to_handles(Napi::Env env, std::vector<at::Tensor> tensors) {
  auto array = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    array[i] = tensors[i].defined() ? wrap(env, std::move(tensors[i])) : Napi::Value(env.Null());
  }
  return array;
}

// { name, tensor, trainable }[]; the tensors share the entries' memory.
template <class Entries>
Napi::Value from_named_tensors(Napi::Env env, const Entries& entries) {
  auto result = Napi::Array::New(env, entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", entries[i].name);
    entry.Set("tensor", wrap(env, entries[i].tensor));
    entry.Set("trainable", entries[i].trainable);
    result[i] = entry;
  }
  return result;
}

}  // namespace mcloss::node
