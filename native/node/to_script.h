#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "handle.h"

namespace mcloss::node {

// How what a native function returns becomes a JavaScript value.
template <class T>
struct To;

template <>
struct To<Napi::Value> {
  static Napi::Value give(Napi::Env, Napi::Value value) { return value; }
};
template <>
struct To<bool> {
  static Napi::Value give(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }
};
template <>
struct To<int64_t> {
  static Napi::Value give(Napi::Env env, int64_t value) { return to_number(env, value); }
};
template <>
struct To<double> {
  static Napi::Value give(Napi::Env env, double value) { return Napi::Number::New(env, value); }
};
template <>
struct To<std::string> {
  static Napi::Value give(Napi::Env env, const std::string& value) { return Napi::String::New(env, value); }
};
// An undefined tensor is null.
template <>
struct To<at::Tensor> {
  static Napi::Value give(Napi::Env env, at::Tensor tensor) {
    return tensor.defined() ? wrap(env, std::move(tensor)) : Napi::Value(env.Null());
  }
};
template <>
struct To<at::Generator> {
  static Napi::Value give(Napi::Env env, at::Generator generator) { return wrap(env, std::move(generator)); }
};
template <class T>
struct To<std::shared_ptr<T>> {
  static Napi::Value give(Napi::Env env, std::shared_ptr<T> object) { return wrap(env, std::move(object)); }
};
template <class T>
struct To<std::vector<T>> {
  static Napi::Value give(Napi::Env env, std::vector<T> values) {
    auto array = Napi::Array::New(env, values.size());
    for (uint32_t i = 0; i < values.size(); ++i) array[i] = To<T>::give(env, std::move(values[i]));
    return array;
  }
};
template <class T>
struct To<std::optional<T>> {
  static Napi::Value give(Napi::Env env, std::optional<T> value) {
    return value ? To<T>::give(env, std::move(*value)) : Napi::Value(env.Null());
  }
};

// Adds a field to an object.
template <class T>
void give_field(Napi::Object& object, const char* key, T value) {
  object.Set(key, To<T>::give(object.Env(), std::move(value)));
}

}  // namespace mcloss::node
