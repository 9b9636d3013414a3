#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "../autograd/mode.h"
#include "capture.h"
#include "convert.h"

namespace mcloss::node {

// How a native function's parameter of type T is made of a JavaScript value, whose name is for messages.
// Values that are no objects have been checked by TypeScript, in its users' words.
template <class T>
struct From;

// A tensor whose values, gradient or hooks the function writes; a plain at::Tensor is only read.
struct Written {
  at::Tensor tensor;
};

// An object whose tensors get other memory.
template <class T>
struct Moved {
  std::shared_ptr<T> object;
};

// How operations run: 0 record, 1 noGrad, 2 inferenceMode; or { recording, anomaly, pass }.
struct CallMode {
  autograd::Mode mode;
  std::string stack;  // of the JavaScript that is running, where anomalies are looked for
};

std::vector<at::Tensor> tensors_of(const std::vector<Written>& written);

[[noreturn]] void reject(std::string_view argument, const char* expected);

// The elements of an array.
template <class T>
std::vector<T> take_list(Capture& capture, const Napi::Value& value, std::string_view argument) {
  if (!value.IsArray()) reject(argument, "an array");
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  std::vector<T> elements;
  elements.reserve(length);
  for (uint32_t i = 0; i < length; ++i) elements.push_back(From<T>::take(capture, array[i], argument));
  return elements;
}

// The fields of an object.
class Fields {
 public:
  Fields(Capture& capture, const Napi::Value& value, std::string_view argument);

  template <class T>
  T get(const char* key) const {
    return From<T>::take(capture_, object_.Get(key), key);
  }
  Napi::Value raw(const char* key) const { return object_.Get(key); }
  Napi::Object object() const { return object_; }

 private:
  Capture& capture_;
  Napi::Object object_;
};

template <>
struct From<bool> {
  static bool take(Capture&, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<double> {
  static double take(Capture&, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<int64_t> {
  static int64_t take(Capture&, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<uint64_t> {
  static uint64_t take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    return static_cast<uint64_t>(From<int64_t>::take(capture, value, argument));
  }
};
template <>
struct From<std::string> {
  static std::string take(Capture&, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<at::ScalarType> {
  static at::ScalarType take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    return dtype_from_name(From<std::string>::take(capture, value, argument));
  }
};
template <>
struct From<c10::Device> {
  static c10::Device take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    return c10::Device(From<std::string>::take(capture, value, argument));
  }
};
template <>
struct From<CallMode> {
  static CallMode take(Capture&, const Napi::Value& value, std::string_view argument);
};
// As it is.
template <>
struct From<Napi::Value> {
  static Napi::Value take(Capture&, const Napi::Value& value, std::string_view) { return value; }
};

// null and undefined are none.
template <class T>
struct From<std::optional<T>> {
  static std::optional<T> take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    if (value.IsNull() || value.IsUndefined()) return std::nullopt;
    return From<T>::take(capture, value, argument);
  }
};
template <class T>
struct From<std::vector<T>> {
  static std::vector<T> take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    return take_list<T>(capture, value, argument);
  }
};
// The fields of an object, whatever their names are.
template <class T>
struct From<std::map<std::string, T>> {
  static std::map<std::string, T> take(Capture& capture, const Napi::Value& value,
                                       std::string_view argument) {
    const Fields fields(capture, value, argument);
    std::map<std::string, T> entries;
    for (const auto& name : take_list<std::string>(capture, fields.object().GetPropertyNames(), argument)) {
      entries.emplace(name, fields.get<T>(name.c_str()));
    }
    return entries;
  }
};
template <size_t N>
struct From<std::array<double, N>> {
  static std::array<double, N> take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto list = take_list<double>(capture, value, argument);
    if (list.size() != N) reject(argument, "an array of as many numbers as there are channels");
    std::array<double, N> numbers{};
    std::copy(list.begin(), list.end(), numbers.begin());
    return numbers;
  }
};

template <>
struct From<at::Tensor> {
  static at::Tensor take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto& handle = held<at::Tensor>(value, argument);
    capture.use(handle, Access::kRead, argument);
    return *handle.value;
  }
};
template <>
struct From<Written> {
  static Written take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto& handle = held<at::Tensor>(value, argument);
    capture.use(handle, Access::kWrite, argument);
    return {*handle.value};
  }
};
template <>
struct From<at::Generator> {
  static at::Generator take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto& handle = held<at::Generator>(value, argument);
    capture.use(handle, Access::kWrite, argument);
    return *handle.value;
  }
};

// A pointer to something constant only reads it.
template <class T>
struct From<std::shared_ptr<T>> {
  static std::shared_ptr<T> take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    using Kept = std::shared_ptr<std::remove_const_t<T>>;
    const auto& handle = held<Kept>(value, argument);
    capture.use(handle, std::is_const_v<T> ? Access::kRead : Access::kWrite, argument);
    return *handle.value;
  }
};

template <class T>
struct From<Moved<T>> {
  static Moved<T> take(Capture& capture, const Napi::Value& value, std::string_view argument) {
    const auto& handle = held<std::shared_ptr<T>>(value, argument);
    capture.use(handle, Access::kMove, argument);
    return {*handle.value};
  }
};

}  // namespace mcloss::node
