#include "dispatch.h"

#include <sstream>

#include "arguments.h"
#include "convert.h"
#include "environment.h"
#include "handle.h"
#include "operation_mode.h"
#include "results.h"

namespace mcloss::node {
namespace {

// Before the operator's arguments come its id, the mode and an empty handle.
constexpr size_t kSkipped = 3;

void describe_tensor(std::ostream& out, const std::string& name, const Napi::Value& value) {
  const auto* tensor = find<at::Tensor>(value, name);
  if (!tensor || !tensor->defined() || tensor->is_nested()) return;
  out << (out.tellp() == 0 ? "" : ", ") << name << ' ' << dtype_name(tensor->scalar_type()) << ' '
      << tensor->sizes();
}

// Names the tensors among the arguments: "self float32 [2, 3], mat2 float32 [4, 5]".
std::string describe_tensors(const c10::FunctionSchema& schema, const Napi::CallbackInfo& info) {
  std::ostringstream text;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const Napi::Value value = info[kSkipped + i];
    const std::string& name = schema.arguments()[i].name();
    describe_tensor(text, name, value);
    if (!value.IsArray()) continue;
    const auto array = value.As<Napi::Array>();
    for (uint32_t j = 0; j < array.Length(); ++j) {
      describe_tensor(text, name + "[" + std::to_string(j) + "]", array[j]);
    }
  }
  return text.str();
}

Napi::Value to_result(Napi::Env env, const Operator& op, size_t index, c10::IValue value) {
  if (op.written[index]) return env.Undefined();
  return from_ivalue(env, std::move(value), *op.handle.schema().returns()[index].real_type());
}

// A single tensor goes into the empty handle, if there is one.
Napi::Value to_results(const Napi::CallbackInfo& info, const Operator& op, torch::jit::Stack stack) {
  const Napi::Env env = info.Env();
  if (stack.empty()) return env.Undefined();
  if (stack.size() == 1) {
    auto& only = stack.front();
    auto* empty = find_handle<at::Tensor>(info[2]);
    const bool fits = empty && !empty->value && only.isTensor() && only.toTensor().defined();
    if (!fits || op.written[0]) return to_result(env, op, 0, std::move(only));
    empty->fill(Environment::of(env), std::move(only).toTensor());
    return info[2];
  }
  auto results = Napi::Array::New(env, stack.size());
  for (uint32_t i = 0; i < stack.size(); ++i) results[i] = to_result(env, op, i, std::move(stack[i]));
  return results;
}

}  // namespace

Napi::Value call_operator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& op = Environment::of(env).operators.at(info[0].As<Napi::Number>().Uint32Value());
  try {
    auto stack = to_stack(op.handle.schema(), info, kSkipped);
    const OperationScope scope(info[1], stack);
    op.handle.callBoxed(stack);
    scope.done(env, op.name, stack);
    return to_results(info, op, std::move(stack));
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    auto report = describe(std::current_exception());
    report.message = op.name + ": " + report.message;
    // LibTorch seldom says which tensors did not fit.
    if (report.argument.empty()) {
      const auto tensors = describe_tensors(op.handle.schema(), info);
      if (!tensors.empty()) report.message += " (" + tensors + ")";
    }
    throw make_error(env, report, op.name);
  }
}

}  // namespace mcloss::node
