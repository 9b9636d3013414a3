#pragma once

#include <napi.h>

#include <optional>
#include <vector>

namespace mcloss::node {

// Fields of an options object that TypeScript has checked.

inline double number_of(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::Number>().DoubleValue();
}

inline int64_t integer_of(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::Number>().Int64Value();
}

inline bool flag_of(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::Boolean>().Value();
}

// null and undefined mean none.
inline std::optional<double> optional_number_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber()) return std::nullopt;
  return value.As<Napi::Number>().DoubleValue();
}

inline std::vector<double> to_doubles(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<double> values;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    values.push_back(Napi::Value(array[i]).As<Napi::Number>().DoubleValue());
  }
  return values;
}

}  // namespace mcloss::node
