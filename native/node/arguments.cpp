#include "arguments.h"

#include <ATen/ScalarOps.h>
#include <c10/core/Device.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "convert.h"
#include "handle.h"

namespace mcloss::node {
namespace {

using c10::IValue;
using c10::TypeKind;

constexpr std::array<std::pair<std::string_view, at::MemoryFormat>, 4> kMemoryFormats{
    {{"contiguous", at::MemoryFormat::Contiguous},
     {"channelsLast", at::MemoryFormat::ChannelsLast},
     {"channelsLast3d", at::MemoryFormat::ChannelsLast3d},
     {"preserve", at::MemoryFormat::Preserve}}};

constexpr std::array<std::pair<std::string_view, at::Layout>, 8> kLayouts{{{"strided", at::kStrided},
                                                                           {"sparseCoo", at::kSparse},
                                                                           {"sparseCsr", at::kSparseCsr},
                                                                           {"sparseCsc", at::kSparseCsc},
                                                                           {"sparseBsr", at::kSparseBsr},
                                                                           {"sparseBsc", at::kSparseBsc},
                                                                           {"mkldnn", at::kMkldnn},
                                                                           {"jagged", at::kJagged}}};

std::string kind_of(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_number:
      return "the number " + value.ToString().Utf8Value();
    case napi_bigint:
      return "the bigint " + value.ToString().Utf8Value();
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_string:
      return '"' + value.As<Napi::String>().Utf8Value() + '"';
    default:
      break;
  }
  if (value.IsArray()) return "an array";
  if (is_handle<at::Tensor>(value)) return "a Tensor";
  if (is_handle<at::Generator>(value)) return "a Generator";
  return "another kind of value";
}

[[noreturn]] void reject(const Napi::Value& value, const c10::Argument& argument,
                         const std::string& expected) {
  const std::string& name = argument.name();
  throw CodedError("ERR_ARGUMENT", name + " must be " + expected + ", got " + kind_of(value), name);
}

// { re, im }
std::optional<c10::complex<double>> to_complex(const Napi::Value& value) {
  if (!value.IsObject()) return {};
  const auto object = value.As<Napi::Object>();
  const Napi::Value re = object.Get("re");
  const Napi::Value im = object.Get("im");
  if (!re.IsNumber() || !im.IsNumber()) return {};
  return c10::complex<double>(re.As<Napi::Number>().DoubleValue(), im.As<Napi::Number>().DoubleValue());
}

c10::Scalar to_scalar(const Napi::Value& value, const c10::Argument& argument,
                      const char* expected = "a number") {
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    const bool integral = std::trunc(number) == number && std::abs(number) < 0x1p63;
    return integral ? c10::Scalar(static_cast<int64_t>(number)) : c10::Scalar(number);
  }
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (lossless) return number;
    const uint64_t large = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (lossless) return large;
    reject(value, argument, "an integer of 64 bits");
  }
  if (const auto complex = to_complex(value)) return *complex;
  reject(value, argument, expected);
}

// PyTorch treats a number among tensors as a scalar that does not decide the result's dtype.
at::Tensor to_tensor(const Napi::Value& value, const c10::Argument& argument) {
  if (const auto* tensor = find<at::Tensor>(value, argument.name())) return *tensor;
  return at::native::wrapped_scalar_tensor(to_scalar(value, argument, "a Tensor"));
}

int64_t to_int(const Napi::Value& value, const c10::Argument& argument) {
  const auto scalar = to_scalar(value, argument, "an integer");
  if (!scalar.isIntegral(false)) reject(value, argument, "an integer");
  return scalar.toLong();
}

double to_double(const Napi::Value& value, const c10::Argument& argument) {
  const auto scalar = to_scalar(value, argument);
  if (scalar.isComplex()) reject(value, argument, "a real number");
  return scalar.toDouble();
}

template <class Enumerator, size_t N>
Enumerator to_enumerator(const Napi::Value& value, const c10::Argument& argument,
                         const std::array<std::pair<std::string_view, Enumerator>, N>& names) {
  std::string expected = "one of";
  for (const auto& [name, enumerator] : names) {
    if (value.IsString() && value.As<Napi::String>().Utf8Value() == name) return enumerator;
    expected += " \"" + std::string(name) + '"';
  }
  reject(value, argument, expected);
}

at::ScalarType to_dtype(const Napi::Value& value, const c10::Argument& argument) {
  if (!value.IsString()) reject(value, argument, "a dtype such as \"float32\"");
  try {
    return dtype_from_name(value.As<Napi::String>());
  } catch (const CodedError& error) {
    throw CodedError(error.report().code, argument.name() + ": " + error.what(), argument.name());
  }
}

c10::Device to_device(const Napi::Value& value, const c10::Argument& argument) {
  const std::string expected = "a device such as \"cpu\" or \"cuda:0\"";
  if (!value.IsString()) reject(value, argument, expected);
  try {
    return c10::Device(value.As<Napi::String>().Utf8Value());
  } catch (const c10::Error&) {
    reject(value, argument, expected);
  }
}

// A device stands for its current stream.
c10::Stream to_stream(const Napi::Value& value, const c10::Argument& argument) {
  const auto device = to_device(value, argument);
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

IValue to_object(const Napi::Value& value, const c10::Argument& argument, const c10::Type& type) {
  const auto* object = find<IValue>(value, argument.name());
  if (!object) reject(value, argument, "a " + type.str());
  if (object->type()->isSubtypeOf(type)) return *object;
  throw CodedError("ERR_ARGUMENT",
                   argument.name() + " must be a " + type.str() + ", got a " + object->type()->str(),
                   argument.name());
}

IValue to_ivalue(const Napi::Value& value, const c10::Argument& argument, const c10::Type& type);

IValue to_list(const Napi::Value& value, const c10::Argument& argument, const c10::TypePtr& element) {
  const bool symbolic = element->kind() == TypeKind::SymIntType;
  const bool integers = symbolic || element->kind() == TypeKind::IntType;
  c10::impl::GenericList list(symbolic ? c10::TypePtr(c10::IntType::get()) : element);
  // int[2] takes a single number for both, and int[] as its only element.
  if (!value.IsArray() && (argument.N() || integers)) {
    list.resize(static_cast<size_t>(argument.N().value_or(1)), to_ivalue(value, argument, *element));
    return list;
  }
  if (!value.IsArray()) reject(value, argument, "an array");
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  list.reserve(length);
  for (uint32_t i = 0; i < length; ++i) list.push_back(to_ivalue(array[i], argument, *element));
  return list;
}

// The value as its own type says, where the schema takes any.
IValue to_any(const Napi::Value& value, const c10::Argument& argument) {
  if (value.IsNull()) return {};
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  if (value.IsArray()) return to_list(value, argument, c10::AnyType::get());
  if (const auto* tensor = find<at::Tensor>(value, argument.name())) return *tensor;
  if (const auto* object = find<IValue>(value, argument.name())) return *object;
  return to_scalar(value, argument, "a value that LibTorch knows");
}

IValue to_ivalue(const Napi::Value& value, const c10::Argument& argument, const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) return {};
      return to_ivalue(value, argument, *type.expectRef<c10::OptionalType>().getElementType());
    case TypeKind::ListType:
      return to_list(value, argument, type.expectRef<c10::ListType>().getElementType());
    case TypeKind::TensorType:
      return to_tensor(value, argument);
    case TypeKind::NumberType:
      return to_scalar(value, argument);
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return to_int(value, argument);
    case TypeKind::FloatType:
    case TypeKind::SymFloatType:
      return to_double(value, argument);
    case TypeKind::BoolType:
    case TypeKind::SymBoolType:
      if (!value.IsBoolean()) reject(value, argument, "true or false");
      return value.As<Napi::Boolean>().Value();
    case TypeKind::StringType:
      if (!value.IsString()) reject(value, argument, "a string");
      return value.As<Napi::String>().Utf8Value();
    case TypeKind::ScalarTypeType:
      return to_dtype(value, argument);
    case TypeKind::MemoryFormatType:
      return to_enumerator(value, argument, kMemoryFormats);
    case TypeKind::LayoutType:
      return to_enumerator(value, argument, kLayouts);
    case TypeKind::DeviceObjType:
      return to_device(value, argument);
    case TypeKind::StreamObjType:
      return to_stream(value, argument);
    case TypeKind::GeneratorType:
      return unwrap<at::Generator>(value, argument.name());
    case TypeKind::StorageType:
      // A tensor stands for its storage.
      return unwrap<at::Tensor>(value, argument.name()).storage();
    case TypeKind::ClassType:
      return to_object(value, argument, type);
    case TypeKind::AnyType:
      return to_any(value, argument);
    default:
      throw CodedError("ERR_UNSUPPORTED",
                       argument.name() + " has a type that JavaScript cannot give: " + type.str(),
                       argument.name());
  }
}

}  // namespace

torch::jit::Stack to_stack(const c10::FunctionSchema& schema, const Napi::CallbackInfo& info,
                           size_t skipped) {
  const auto& arguments = schema.arguments();
  torch::jit::Stack stack;
  stack.reserve(std::max(arguments.size(), schema.returns().size()));
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    const Napi::Value value = info[skipped + i];
    if (!value.IsUndefined()) {
      stack.push_back(to_ivalue(value, argument, *argument.real_type()));
    } else if (argument.default_value()) {
      stack.push_back(*argument.default_value());
    } else if (argument.type()->kind() == TypeKind::OptionalType) {
      stack.emplace_back();
    } else {
      throw CodedError("ERR_ARGUMENT", argument.name() + " is missing: " + toString(schema), argument.name());
    }
  }
  return stack;
}

bool can_convert_to(const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::TensorType:
    case TypeKind::NumberType:
    case TypeKind::IntType:
    case TypeKind::SymIntType:
    case TypeKind::FloatType:
    case TypeKind::SymFloatType:
    case TypeKind::BoolType:
    case TypeKind::SymBoolType:
    case TypeKind::StringType:
    case TypeKind::ScalarTypeType:
    case TypeKind::MemoryFormatType:
    case TypeKind::LayoutType:
    case TypeKind::DeviceObjType:
    case TypeKind::StreamObjType:
    case TypeKind::GeneratorType:
    case TypeKind::StorageType:
    case TypeKind::ClassType:
    case TypeKind::AnyType:
      return true;
    default:
      return false;
  }
}

}  // namespace mcloss::node
