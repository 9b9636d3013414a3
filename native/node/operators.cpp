#include "operators.h"

#include <algorithm>
#include <set>

#include "arguments.h"
#include "convert.h"
#include "environment.h"
#include "errors.h"
#include "results.h"

namespace mcloss::node {
namespace {

std::string full_name(const c10::OperatorName& name) {
  return name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
}

std::vector<std::string> overloads_of(const std::string& name) {
  std::vector<std::string> overloads;
  for (const auto& op : c10::Dispatcher::singleton().getAllOpNames()) {
    if (op.name == name) overloads.push_back(full_name(op));
  }
  std::ranges::sort(overloads);
  return overloads;
}

// The name without its overload, and the overload.
c10::OperatorName split(const std::string& full_name) {
  const auto dot = full_name.find('.', full_name.find("::"));
  return {full_name.substr(0, dot), dot == std::string::npos ? "" : full_name.substr(dot + 1)};
}

std::string unknown_operator(const std::string& full_name) {
  std::string message = "no operator is called " + full_name;
  const auto overloads = overloads_of(split(full_name).name);
  if (!overloads.empty()) {
    message += "; there are";
    for (const auto& candidate : overloads) message += " " + candidate;
  }
  return message;
}

bool is_written(const c10::Argument& argument) {
  return argument.alias_info() && argument.alias_info()->isWrite() &&
         argument.type()->kind() == c10::TypeKind::TensorType;
}

std::optional<size_t> argument_behind(const c10::Argument& result, const c10::FunctionSchema& schema) {
  if (!is_written(result)) return {};
  const auto& arguments = schema.arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool same = is_written(arguments[i]) &&
                      arguments[i].alias_info()->afterSets() == result.alias_info()->afterSets();
    if (same) return i;
  }
  return {};
}

// The classes of LibTorch's own objects that some operator makes, and others take.
std::set<std::string> classes_made() {
  auto& dispatcher = c10::Dispatcher::singleton();
  std::set<std::string> classes;
  for (const auto& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    if (!op) continue;
    for (const auto& result : op->schema().returns()) {
      if (result.type()->kind() == c10::TypeKind::ClassType) classes.insert(result.type()->str());
    }
  }
  return classes;
}

// What an argument's lists and optionals hold.
const c10::Type& innermost(const c10::Type& type) {
  if (const auto* list = type.castRaw<c10::ListType>()) return innermost(*list->getElementType());
  if (const auto* optional = type.castRaw<c10::OptionalType>()) return innermost(*optional->getElementType());
  return type;
}

bool can_give(const c10::Type& type, const std::set<std::string>& classes) {
  return type.kind() == c10::TypeKind::ClassType ? classes.contains(type.str()) : can_convert_to(type);
}

std::set<std::string> unsupported_types(const c10::FunctionSchema& schema,
                                        const std::set<std::string>& classes) {
  std::set<std::string> types;
  for (const auto& argument : schema.arguments()) {
    const auto& type = innermost(*argument.real_type());
    if (!can_give(type, classes)) types.insert(type.str());
  }
  for (const auto& result : schema.returns()) {
    if (!can_convert_from(*result.real_type())) types.insert(result.real_type()->str());
  }
  return types;
}

Napi::Array to_string_array(Napi::Env env, const auto& strings) {
  auto array = Napi::Array::New(env);
  for (const std::string& each : strings) array.Set(array.Length(), each);
  return array;
}

}  // namespace

Operator::Operator(c10::OperatorHandle found, std::string full_name)
    : handle(std::move(found)), name(std::move(full_name)) {
  for (const auto& result : handle.schema().returns()) {
    written.push_back(argument_behind(result, handle.schema()));
  }
}

Napi::Value find_operator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto& operators = Environment::of(env).operators;
  const std::string name = info[0].As<Napi::String>();
  const auto op = c10::Dispatcher::singleton().findSchema(split(name));
  if (!op) throw make_error(env, {"ERR_ARGUMENT", unknown_operator(name), {}}, name);
  const auto& added = operators.emplace_back(*op, name);
  std::vector<std::string> parameters;
  for (const auto& argument : added.handle.schema().arguments()) parameters.push_back(argument.name());
  auto written = Napi::Array::New(env);
  for (const auto& index : added.written) {
    written.Set(written.Length(), index ? Napi::Number::New(env, static_cast<double>(*index)) : env.Null());
  }
  auto result = Napi::Object::New(env);
  result.Set("id", Napi::Number::New(env, static_cast<double>(operators.size() - 1)));
  result.Set("schema", toString(added.handle.schema()));
  result.Set("parameters", to_string_array(env, parameters));
  result.Set("written", written);
  return result;
}

Napi::Value list_operators(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto classes = classes_made();
  auto list = Napi::Array::New(env);
  for (const auto& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    if (!op) continue;
    auto entry = Napi::Object::New(env);
    entry.Set("name", full_name(name));
    entry.Set("schema", toString(op->schema()));
    entry.Set("unsupported", to_string_array(env, unsupported_types(op->schema(), classes)));
    list.Set(list.Length(), entry);
  }
  return list;
}

}  // namespace mcloss::node
