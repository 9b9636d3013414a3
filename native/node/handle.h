#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../nn/model.h"
#include "../train/sgd.h"
#include "environment.h"

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
template <>
struct HandleKind<std::shared_ptr<nn::Model>> {
  static constexpr const char* kName = "Model";
  static constexpr napi_type_tag kTag{0x6d6c6f73734d3031, 0x83a4c5e60718293a};
};
template <>
struct HandleKind<std::shared_ptr<train::Sgd>> {
  static constexpr const char* kName = "SGD";
  static constexpr napi_type_tag kTag{0x6d6c6f7373533031, 0x4c5d6e7f80912a3b};
};

// The one owner of a native object that JavaScript holds. Emptied by dispose() or by the finalizer.
template <class T>
struct Handle {
  std::optional<T> value;
  Charge charge;

  void release(Environment& environment) {
    if (!value) return;
    if constexpr (std::is_same_v<T, at::Tensor>) environment.ledger.remove(charge);
    value.reset();
  }
};

template <class T>
Napi::Value wrap(Napi::Env env, T value) {
  auto handle = std::make_unique<Handle<T>>();
  auto object = Napi::Object::New(env);
  object.TypeTag(&HandleKind<T>::kTag);
  const auto finalize = [](napi_env raw, void* data, void*) {
    const std::unique_ptr<Handle<T>> finalized(static_cast<Handle<T>*>(data));
    // At the environment's end its state may be gone before the last handles.
    if (auto* environment = Napi::Env(raw).GetInstanceData<Environment>()) finalized->release(*environment);
  };
  const napi_status status = napi_wrap(env, object, handle.get(), finalize, nullptr, nullptr);
  if (status != napi_ok) throw Napi::Error::New(env);
  if constexpr (std::is_same_v<T, at::Tensor>) handle->charge = Environment::of(env).ledger.add(value);
  handle->value.emplace(std::move(value));
  static_cast<void>(handle.release());  // the finalizer owns it now
  return object;
}

template <class T>
bool is_handle(const Napi::Value& value) {
  return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&HandleKind<T>::kTag);
}

template <class T>
Handle<T>& handle_of(const Napi::Value& value, const std::string& argument) {
  if (!is_handle<T>(value)) {
    throw CodedError("ERR_ARGUMENT", argument + " must be a " + HandleKind<T>::kName, argument);
  }
  void* data = nullptr;
  napi_unwrap(value.Env(), value, &data);
  return *static_cast<Handle<T>*>(data);
}

template <class T>
T& unwrap(const Napi::Value& value, const std::string& argument) {
  auto& handle = handle_of<T>(value, argument);
  if (!handle.value) {
    throw CodedError("ERR_DISPOSED", argument + " is a disposed " + HandleKind<T>::kName, argument);
  }
  return *handle.value;
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

}  // namespace mcloss::node
