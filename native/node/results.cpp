#include "results.h"

#include <ATen/core/Dict.h>
#include <c10/core/QScheme.h>

#include "convert.h"
#include "handle.h"

namespace mcloss::node {
namespace {

using c10::IValue;
using c10::TypeKind;

Napi::Value from_elements(Napi::Env env, at::ArrayRef<IValue> elements, const c10::Type& type) {
  auto array = Napi::Array::New(env, elements.size());
  for (uint32_t i = 0; i < elements.size(); ++i) array[i] = from_ivalue(env, elements[i], type);
  return array;
}

Napi::Value from_dictionary(Napi::Env env, const c10::Dict<IValue, IValue>& dictionary) {
  auto pairs = Napi::Array::New(env);
  for (const auto& entry : dictionary) {
    auto pair = Napi::Array::New(env, 2);
    pair[0U] = from_ivalue(env, entry.key(), *dictionary.keyType());
    pair[1U] = from_ivalue(env, entry.value(), *dictionary.valueType());
    pairs.Set(pairs.Length(), pair);
  }
  return pairs;
}

Napi::Value from_int(Napi::Env env, int64_t value, TypeKind kind) {
  if (kind == TypeKind::ScalarTypeType) {
    return Napi::String::New(env, dtype_name(static_cast<at::ScalarType>(value)));
  }
  if (kind == TypeKind::QSchemeType) {
    return Napi::String::New(env, toString(static_cast<at::QScheme>(value)));
  }
  return to_number(env, value);
}

Napi::Value from_object(Napi::Env env, IValue value) {
  auto object = Napi::Object::New(env);
  object.Set("kind", "object");
  object.Set("handle", wrap(env, std::move(value)));
  return object;
}

}  // namespace

Napi::Value from_scalar(Napi::Env env, const c10::Scalar& scalar) {
  if (scalar.isBoolean()) return Napi::Boolean::New(env, scalar.toBool());
  if (scalar.type() == at::kUInt64) return to_number(env, scalar.toUInt64());
  if (scalar.isIntegral(false)) return to_number(env, scalar.toLong());
  if (!scalar.isComplex()) return Napi::Number::New(env, scalar.toDouble());
  const auto number = scalar.toComplexDouble();
  auto object = Napi::Object::New(env);
  object.Set("kind", "complex");
  object.Set("re", number.real());
  object.Set("im", number.imag());
  return object;
}

Napi::Value from_ivalue(Napi::Env env, IValue value, const c10::Type& type) {
  if (value.isTensor()) {
    auto tensor = std::move(value).toTensor();
    return tensor.defined() ? wrap(env, std::move(tensor)) : Napi::Value(env.Null());
  }
  if (value.isNone()) return env.Null();
  const auto& expected =
      type.kind() == TypeKind::OptionalType ? *type.expectRef<c10::OptionalType>().getElementType() : type;
  if (value.isInt()) return from_int(env, value.toInt(), expected.kind());
  if (value.isScalar()) return from_scalar(env, value.toScalar());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  if (value.isList()) return from_elements(env, value.toListRef(), *value.type()->containedType(0));
  if (value.isTuple()) return from_elements(env, value.toTupleRef().elements(), *c10::AnyType::get());
  if (value.isGenericDict()) return from_dictionary(env, value.toGenericDict());
  if (value.isObject()) return from_object(env, std::move(value));
  throw CodedError("ERR_UNSUPPORTED", "a result has a type that JavaScript cannot hold: " + value.tagKind());
}

bool can_convert_from(const c10::Type& type) {
  if (type.kind() == TypeKind::ClassType) return true;
  for (const auto& contained : type.containedTypes()) {
    if (!can_convert_from(*contained)) return false;
  }
  switch (type.kind()) {
    case TypeKind::NoneType:
    case TypeKind::OptionalType:
    case TypeKind::ListType:
    case TypeKind::TupleType:
    case TypeKind::DictType:
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
    case TypeKind::QSchemeType:
    case TypeKind::DeviceObjType:
    case TypeKind::AnyType:
      return true;
    default:
      return false;
  }
}

}  // namespace mcloss::node
