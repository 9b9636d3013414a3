#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "charges.h"
#include "environment.h"
#include "errors.h"
#include "handle_kinds.h"

namespace mcloss::node {

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

// The handle of an object that has not been disposed; null for any other value.
template <class T>
Handle<T>* find_held(const Napi::Value& value, std::string_view argument) {
  auto* handle = find_handle<T>(value);
  if (!handle || handle->value) return handle;
  const std::string name(argument);
  throw CodedError("ERR_DISPOSED", name + " is a disposed " + HandleKind<T>::kName, name);
}

template <class T>
Handle<T>& held(const Napi::Value& value, std::string_view argument) {
  if (auto* handle = find_held<T>(value, argument)) return *handle;
  const std::string name(argument);
  throw CodedError("ERR_ARGUMENT", name + " must be a " + HandleKind<T>::kName, name);
}

// What a handle holds; null for any other value.
template <class T>
T* find(const Napi::Value& value, std::string_view argument) {
  auto* handle = find_held<T>(value, argument);
  return handle ? &*handle->value : nullptr;
}

template <class T>
T& unwrap(const Napi::Value& value, std::string_view argument) {
  return *held<T>(value, argument).value;
}

}  // namespace mcloss::node
