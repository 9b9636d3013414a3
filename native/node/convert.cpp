#include "convert.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/view_as_real.h>

#include <cstring>

#include "errors.h"

namespace mcloss::node {
namespace {

struct Dtype {
  const char* name;
  at::ScalarType type;
};

constexpr Dtype kDtypes[] = {{"float32", at::kFloat},
                             {"float64", at::kDouble},
                             {"float16", at::kHalf},
                             {"bfloat16", at::kBFloat16},
                             {"float8_e4m3fn", at::kFloat8_e4m3fn},
                             {"float8_e5m2", at::kFloat8_e5m2},
                             {"float8_e4m3fnuz", at::kFloat8_e4m3fnuz},
                             {"float8_e5m2fnuz", at::kFloat8_e5m2fnuz},
                             {"float8_e8m0fnu", at::kFloat8_e8m0fnu},
                             {"float4_e2m1fn_x2", at::kFloat4_e2m1fn_x2},
                             {"complex32", at::kComplexHalf},
                             {"complex64", at::kComplexFloat},
                             {"complex128", at::kComplexDouble},
                             {"int64", at::kLong},
                             {"int32", at::kInt},
                             {"int16", at::kShort},
                             {"int8", at::kChar},
                             {"uint8", at::kByte},
                             {"uint16", at::kUInt16},
                             {"uint32", at::kUInt32},
                             {"uint64", at::kUInt64},
                             {"bool", at::kBool}};

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

napi_typedarray_type array_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return napi_float32_array;
    case at::kDouble:
      return napi_float64_array;
    case at::kLong:
      return napi_bigint64_array;
    case at::kInt:
      return napi_int32_array;
    case at::kShort:
      return napi_int16_array;
    case at::kChar:
      return napi_int8_array;
    case at::kUInt16:
      return napi_uint16_array;
    case at::kUInt32:
      return napi_uint32_array;
    case at::kUInt64:
      return napi_biguint64_array;
    default:
      return napi_uint8_array;  // uint8 and bool
  }
}

}  // namespace

at::ScalarType dtype_from_name(const std::string& name) {
  for (const auto& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  throw CodedError("ERR_DTYPE", "unknown dtype \"" + name + "\"");
}

std::string dtype_name(at::ScalarType type) {
  for (const auto& dtype : kDtypes) {
    if (type == dtype.type) return dtype.name;
  }
  return c10::toString(type);
}

at::ScalarType dtype_of(const Napi::TypedArray& array) {
  switch (array.TypedArrayType()) {
    case napi_float32_array:
      return at::kFloat;
    case napi_float64_array:
      return at::kDouble;
    case napi_bigint64_array:
      return at::kLong;
    case napi_int32_array:
      return at::kInt;
    case napi_int16_array:
      return at::kShort;
    case napi_int8_array:
      return at::kChar;
    case napi_uint16_array:
      return at::kUInt16;
    case napi_uint32_array:
      return at::kUInt32;
    case napi_biguint64_array:
      return at::kUInt64;
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return at::kByte;
    default:
      throw CodedError("ERR_DTYPE", "data must be a typed array of a dtype that LibTorch has");
  }
}

std::vector<int64_t> to_int_list(const Napi::Value& value, const std::string& argument) {
  if (!value.IsArray()) throw CodedError("ERR_ARGUMENT", argument + " must be an array of integers");
  const auto array = value.As<Napi::Array>();
  std::vector<int64_t> values;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array[i];
    if (!element.IsNumber()) throw CodedError("ERR_ARGUMENT", argument + " must be an array of integers");
    values.push_back(element.As<Napi::Number>().Int64Value());
  }
  return values;
}

Napi::Array to_array(Napi::Env env, at::IntArrayRef values) {
  auto array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array[i] = to_number(env, values[i]);
  return array;
}

std::vector<std::string> to_strings(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> values;
  for (uint32_t i = 0; i < array.Length(); ++i) values.push_back(Napi::Value(array[i]).As<Napi::String>());
  return values;
}

Napi::Value to_number(Napi::Env env, int64_t value) {
  if (value >= -kMaxSafeInteger && value <= kMaxSafeInteger) {
    return Napi::Number::New(env, static_cast<double>(value));
  }
  return Napi::BigInt::New(env, value);
}

Napi::Value to_number(Napi::Env env, uint64_t value) {
  if (value <= static_cast<uint64_t>(kMaxSafeInteger)) {
    return Napi::Number::New(env, static_cast<double>(value));
  }
  return Napi::BigInt::New(env, value);
}

at::Tensor copy_to_tensor(const Napi::TypedArray& array, at::IntArrayRef shape) {
  auto tensor = at::empty(shape, dtype_of(array));
  if (static_cast<size_t>(tensor.numel()) != array.ElementLength()) {
    throw CodedError("ERR_SHAPE", "data has " + std::to_string(array.ElementLength()) +
                                      " elements, but its shape holds " + std::to_string(tensor.numel()));
  }
  if (tensor.numel() == 0) return tensor;
  // ArrayBuffer().Data() would refuse shared memory.
  void* source = nullptr;
  const napi_status status =
      napi_get_typedarray_info(array.Env(), array, nullptr, nullptr, &source, nullptr, nullptr);
  if (status != napi_ok) throw Napi::Error::New(array.Env());
  std::memcpy(tensor.mutable_data_ptr(), source, tensor.nbytes());
  return tensor;
}

at::Tensor readable(const at::Tensor& tensor) {
  auto elements = tensor.detach().to(at::kCPU).resolve_conj().resolve_neg();
  if (elements.is_complex()) elements = at::view_as_real(elements);
  if (elements.scalar_type() == at::kFloat4_e2m1fn_x2) return elements.contiguous().view(at::kByte);
  if (at::isReducedFloatingType(elements.scalar_type())) elements = elements.to(at::kFloat);
  return elements.contiguous();
}

Napi::Value copy_to_typed_array(Napi::Env env, const at::Tensor& readable) {
  auto buffer = Napi::ArrayBuffer::New(env, readable.nbytes());
  if (readable.numel() > 0) std::memcpy(buffer.Data(), readable.const_data_ptr(), readable.nbytes());
  napi_value result = nullptr;
  const auto type = array_type(readable.scalar_type());
  const napi_status status =
      napi_create_typedarray(env, type, static_cast<size_t>(readable.numel()), buffer, 0, &result);
  if (status != napi_ok) throw Napi::Error::New(env);
  return Napi::Value(env, result);
}

}  // namespace mcloss::node
