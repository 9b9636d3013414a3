#include "dispatch.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>

#include "convert.h"
#include "environment.h"
#include "handle.h"

namespace mcloss::node {
namespace {

using c10::IValue;
using c10::TypeKind;
using c10::TypePtr;

std::vector<std::string> overloads_of(const std::string& name) {
  std::vector<std::string> overloads;
  for (const auto& op : c10::Dispatcher::singleton().getAllOpNames()) {
    if (op.name == name) overloads.push_back(op.overload_name.empty() ? name : name + "." + op.overload_name);
  }
  return overloads;
}

c10::OperatorHandle find_operator(const std::string& full_name) {
  const auto dot = full_name.find('.', full_name.find("::"));
  const std::string name = full_name.substr(0, dot);
  const std::string overload = dot == std::string::npos ? "" : full_name.substr(dot + 1);
  if (const auto op = c10::Dispatcher::singleton().findSchema({name, overload})) return *op;
  std::string message = "no operator is called " + full_name;
  const auto overloads = overloads_of(name);
  if (!overloads.empty()) {
    message += "; there are";
    for (const auto& candidate : overloads) message += " " + candidate;
  }
  throw CodedError("ERR_ARGUMENT", message);
}

const c10::OperatorHandle& cached_operator(Environment& environment, const std::string& full_name) {
  const auto cached = environment.operators.find(full_name);
  if (cached != environment.operators.end()) return cached->second;
  return environment.operators.emplace(full_name, find_operator(full_name)).first->second;
}

[[noreturn]] void reject(const c10::Argument& argument, const std::string& expected) {
  throw CodedError("ERR_ARGUMENT", argument.name() + " must be " + expected, argument.name());
}

c10::Scalar to_scalar(const Napi::Value& value, const c10::Argument& argument) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsBigInt()) {
    bool lossless = false;
    return value.As<Napi::BigInt>().Int64Value(&lossless);
  }
  if (!value.IsNumber()) reject(argument, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  const bool integral = std::trunc(number) == number && std::abs(number) < 9e15;
  return integral ? c10::Scalar(static_cast<int64_t>(number)) : c10::Scalar(number);
}

// PyTorch treats a number among tensors as a scalar that does not decide the result's dtype.
at::Tensor to_tensor(const Napi::Value& value, const c10::Argument& argument) {
  if (!value.IsNumber()) return unwrap<at::Tensor>(value, argument.name());
  auto tensor = at::scalar_tensor(value.As<Napi::Number>().DoubleValue(), at::kDouble);
  const auto scalar = to_scalar(value, argument);
  if (scalar.isIntegral(false)) tensor = at::scalar_tensor(scalar, at::kLong);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

int64_t to_enumerator(const std::string& name, const c10::Argument& argument, TypeKind kind) {
  if (kind == TypeKind::MemoryFormatType) {
    if (name == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
    if (name == "channelsLast") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
    if (name == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
    reject(argument, "\"contiguous\", \"channelsLast\" or \"preserve\"");
  }
  if (kind == TypeKind::LayoutType) {
    if (name == "strided") return static_cast<int64_t>(at::kStrided);
    reject(argument, "\"strided\"");
  }
  return static_cast<int64_t>(dtype_from_name(name));
}

int64_t to_int(const Napi::Value& value, const c10::Argument& argument, const TypePtr& type) {
  if (value.IsString()) return to_enumerator(value.As<Napi::String>(), argument, type->kind());
  const auto scalar = to_scalar(value, argument);
  if (!scalar.isIntegral(false)) reject(argument, "an integer");
  return scalar.toLong();
}

double to_double(const Napi::Value& value, const c10::Argument& argument) {
  return to_scalar(value, argument).toDouble();
}

IValue to_ivalue(const Napi::Value& value, const c10::Argument& argument, const TypePtr& type);

IValue to_list(const Napi::Value& value, const c10::Argument& argument, const TypePtr& element) {
  // int[2] takes a single number for both, and int[] as its only element.
  const bool integers = element->kind() == TypeKind::IntType || element->kind() == TypeKind::SymIntType;
  if (value.IsNumber() && (argument.N() || integers)) {
    auto repeated = Napi::Array::New(value.Env());
    for (int32_t i = 0; i < argument.N().value_or(1); ++i) repeated[static_cast<uint32_t>(i)] = value;
    return to_list(repeated, argument, element);
  }
  if (!value.IsArray()) reject(argument, "an array");
  const auto array = value.As<Napi::Array>();
  c10::impl::GenericList list(element->kind() == TypeKind::SymIntType ? c10::IntType::get() : element);
  for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(to_ivalue(array[i], argument, element));
  return list;
}

IValue to_ivalue(const Napi::Value& value, const c10::Argument& argument, const TypePtr& type) {
  if (const auto optional = type->cast<c10::OptionalType>()) {
    if (value.IsNull() || value.IsUndefined()) return {};
    return to_ivalue(value, argument, optional->getElementType());
  }
  switch (type->kind()) {
    case TypeKind::TensorType:
      return to_tensor(value, argument);
    case TypeKind::NumberType:
      return to_scalar(value, argument);
    case TypeKind::IntType:
    case TypeKind::SymIntType:
    case TypeKind::ScalarTypeType:
    case TypeKind::MemoryFormatType:
    case TypeKind::LayoutType:
      return to_int(value, argument, type);
    case TypeKind::FloatType:
    case TypeKind::SymFloatType:
      return to_double(value, argument);
    case TypeKind::BoolType:
    case TypeKind::SymBoolType:
      if (!value.IsBoolean()) reject(argument, "true or false");
      return value.As<Napi::Boolean>().Value();
    case TypeKind::StringType:
      if (!value.IsString()) reject(argument, "a string");
      return value.As<Napi::String>().Utf8Value();
    case TypeKind::DeviceObjType:
      if (!value.IsString()) reject(argument, "a device such as \"cpu\"");
      return c10::Device(value.As<Napi::String>().Utf8Value());
    case TypeKind::GeneratorType:
      return unwrap<at::Generator>(value, argument.name());
    case TypeKind::ListType:
      return to_list(value, argument, type->expectRef<c10::ListType>().getElementType());
    default:
      throw CodedError("ERR_UNSUPPORTED",
                       argument.name() + " has a type that JavaScript cannot give: " + type->str(),
                       argument.name());
  }
}

// Names the option that the schema does not have, or that was given by position already.
[[noreturn]] void reject_option(const c10::FunctionSchema& schema, uint32_t given,
                                const Napi::Object& named) {
  for (const auto& name : to_strings(named.GetPropertyNames())) {
    const auto index = schema.argumentIndexWithName(name);
    if (index && *index >= static_cast<int>(given)) continue;
    throw CodedError("ERR_ARGUMENT", name + " is an option not of this operator: " + toString(schema), name);
  }
  throw CodedError("ERR_ARGUMENT", "an option is not of this operator: " + toString(schema));
}

// Positional arguments first, then by name, then the schema's default.
c10::Stack to_stack(const c10::FunctionSchema& schema, const Napi::Array& positional,
                    const Napi::Object& named) {
  const auto& arguments = schema.arguments();
  if (positional.Length() > arguments.size()) {
    throw CodedError("ERR_ARGUMENT", "takes at most " + std::to_string(arguments.size()) +
                                         " arguments, got " + std::to_string(positional.Length()));
  }
  c10::Stack stack;
  uint32_t used = 0;
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    const bool by_name = i >= positional.Length() && named.Has(argument.name());
    const Napi::Value value = by_name ? named.Get(argument.name()) : Napi::Value(positional[i]);
    if (by_name) ++used;
    if (!value.IsUndefined()) {
      stack.push_back(to_ivalue(value, argument, argument.real_type()));
    } else if (argument.default_value()) {
      stack.push_back(*argument.default_value());
    } else if (argument.type()->kind() == TypeKind::OptionalType) {
      stack.emplace_back();
    } else {
      throw CodedError("ERR_ARGUMENT", argument.name() + " is missing: " + toString(schema), argument.name());
    }
  }
  if (used < named.GetPropertyNames().Length()) reject_option(schema, positional.Length(), named);
  return stack;
}

Napi::Value from_ivalue(Napi::Env env, const IValue& value) {
  if (value.isNone()) return env.Null();
  if (value.isTensor()) {
    return value.toTensor().defined() ? wrap(env, value.toTensor()) : Napi::Value(env.Null());
  }
  if (value.isInt()) return to_number(env, value.toInt());
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  if (value.isList()) {
    auto array = Napi::Array::New(env);
    for (const IValue& element : value.toListRef()) array.Set(array.Length(), from_ivalue(env, element));
    return array;
  }
  throw CodedError("ERR_UNSUPPORTED", "a result has a type that JavaScript cannot hold: " + value.tagKind());
}

}  // namespace

Napi::Value schema_of(const Napi::CallbackInfo& info) {
  const auto& op = cached_operator(Environment::of(info.Env()), info[0].As<Napi::String>());
  return Napi::String::New(info.Env(), toString(op.schema()));
}

Napi::Value call_operator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = info[0].As<Napi::String>();
  try {
    const auto& op = cached_operator(Environment::of(env), name);
    auto stack = to_stack(op.schema(), info[1].As<Napi::Array>(), info[2].As<Napi::Object>());
    const at::AutoGradMode grad_mode(info[3].As<Napi::Boolean>().Value());
    op.callBoxed(stack);
    if (stack.empty()) return env.Undefined();
    if (stack.size() == 1) return from_ivalue(env, stack.front());
    auto results = Napi::Array::New(env, stack.size());
    for (uint32_t i = 0; i < stack.size(); ++i) results[i] = from_ivalue(env, stack[i]);
    return results;
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    auto report = describe(std::current_exception());
    report.message = name + ": " + report.message;
    throw make_error(env, report, name);
  }
}

}  // namespace mcloss::node
