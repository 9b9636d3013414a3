#include "dispatch.h"

#include <sstream>

#include "arguments.h"
#include "convert.h"
#include "from_script.h"
#include "job.h"
#include "operation_mode.h"
#include "results.h"

namespace mcloss::node {
namespace {

// Before the operator's arguments come its id, the mode and, where it is not a job, an empty handle.
constexpr size_t kBeforeArguments = 3;
constexpr size_t kBeforeArgumentsOfJob = 2;

constexpr Declaration kCall{"call(operator, mode, empty, args)", Way::kUnlessBusy, "await tensor.data()"};
constexpr Declaration kCallInTurn{"callInTurn(operator, mode, args)", Way::kJob, ""};

const Operator& operator_of(const Napi::CallbackInfo& info) {
  return Environment::of(info.Env()).operators.at(info[0].As<Napi::Number>().Uint32Value());
}

void use_object(Capture& capture, const Napi::Value& value, Access access, const std::string& name) {
  if (const auto* tensor = find_held<at::Tensor>(value, name)) return capture.use(*tensor, access, name);
  if (const auto* generator = find_held<at::Generator>(value, name)) {
    capture.use(*generator, Access::kWrite, name);
  }
}

// Notes the tensors and generators among an operator's arguments.
void use_objects(Capture& capture, const c10::FunctionSchema& schema, const Napi::CallbackInfo& info,
                 size_t skipped) {
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const auto& argument = schema.arguments()[i];
    const auto* alias = argument.alias_info();
    const auto access = alias && alias->isWrite() ? Access::kWrite : Access::kRead;
    const Napi::Value value = info[skipped + i];
    if (!value.IsArray()) {
      use_object(capture, value, access, argument.name());
      continue;
    }
    const auto array = value.As<Napi::Array>();
    for (uint32_t j = 0; j < array.Length(); ++j) use_object(capture, array[j], access, argument.name());
  }
}

void name_tensor(std::ostream& out, const std::string& name, const Napi::Value& value) {
  const auto* tensor = find<at::Tensor>(value, name);
  if (!tensor || !tensor->defined() || tensor->is_nested()) return;
  out << (out.tellp() == 0 ? "" : ", ") << name << ' ' << dtype_name(tensor->scalar_type()) << ' '
      << tensor->sizes();
}

// Names the tensors among the arguments: "self float32 [2, 3], mat2 float32 [4, 5]".
std::string describe_tensors(const c10::FunctionSchema& schema, const Napi::CallbackInfo& info,
                             size_t skipped) {
  std::ostringstream text;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const Napi::Value value = info[skipped + i];
    const std::string& name = schema.arguments()[i].name();
    name_tensor(text, name, value);
    if (!value.IsArray()) continue;
    const auto array = value.As<Napi::Array>();
    for (uint32_t j = 0; j < array.Length(); ++j) {
      name_tensor(text, name + "[" + std::to_string(j) + "]", array[j]);
    }
  }
  return text.str();
}

Napi::Value to_result(Napi::Env env, const Operator& op, size_t index, c10::IValue value) {
  if (op.written[index]) return env.Undefined();
  return from_ivalue(env, std::move(value), *op.handle.schema().returns()[index].real_type());
}

Napi::Value to_results(Napi::Env env, const Operator& op, torch::jit::Stack stack) {
  if (stack.empty()) return env.Undefined();
  if (stack.size() == 1) return to_result(env, op, 0, std::move(stack.front()));
  auto results = Napi::Array::New(env, stack.size());
  for (uint32_t i = 0; i < stack.size(); ++i) results[i] = to_result(env, op, i, std::move(stack[i]));
  return results;
}

// A single tensor goes into the empty handle, if there is one.
Napi::Value fill_or_convert(const Napi::CallbackInfo& info, const Operator& op, torch::jit::Stack stack) {
  const Napi::Env env = info.Env();
  if (stack.size() == 1 && !op.written[0]) {
    auto& only = stack.front();
    auto* empty = find_handle<at::Tensor>(info[2]);
    if (empty && !empty->value && only.isTensor() && only.toTensor().defined()) {
      empty->fill(Environment::of(env), std::move(only).toTensor());
      return info[2];
    }
  }
  return to_results(env, op, std::move(stack));
}

// What is being thrown, with the operator's name and, as LibTorch seldom says which did not fit, its tensors.
Napi::Error operator_error(const Napi::CallbackInfo& info, const Operator& op, size_t skipped) {
  auto report = describe(std::current_exception());
  report.message = op.name + ": " + report.message;
  if (report.argument.empty()) {
    const auto tensors = describe_tensors(op.handle.schema(), info, skipped);
    if (!tensors.empty()) report.message += " (" + tensors + ")";
  }
  return make_error(info.Env(), report, op.name);
}

}  // namespace

Napi::Value call_operator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto& environment = Environment::of(env);
  const auto& op = operator_of(info);
  try {
    if (!environment.executor.idle()) {
      Capture capture(environment, kCall);
      use_objects(capture, op.handle.schema(), info, kBeforeArguments);
    }
    auto stack = to_stack(op.handle.schema(), info, kBeforeArguments);
    const OperationScope scope(info[1], stack);
    op.handle.callBoxed(stack);
    scope.done(env, op.name, stack);
    return fill_or_convert(info, op, std::move(stack));
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw operator_error(info, op, kBeforeArguments);
  }
}

Napi::Value call_in_turn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& op = operator_of(info);
  try {
    Capture capture(Environment::of(env), kCallInTurn);
    auto stack = to_stack(op.handle.schema(), info, kBeforeArgumentsOfJob);
    use_objects(capture, op.handle.schema(), info, kBeforeArgumentsOfJob);
    auto work = [&op, stack = std::move(stack),
                 mode = From<CallMode>::take(capture, info[1], "mode")]() mutable {
      const autograd::ModeGuard guard(mode.mode);
      std::optional<autograd::ForwardTrace> trace;
      if (mode.mode.anomaly) trace.emplace(autograd::tensors_of(stack));
      op.handle.callBoxed(stack);
      if (trace) trace->record(autograd::tensors_of(stack), {op.name, mode.stack});
      return std::move(stack);
    };
    return submit(env, std::move(capture), std::move(work),
                  [&op](Napi::Env settled, torch::jit::Stack stack) {
                    return to_results(settled, op, std::move(stack));
                  });
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw operator_error(info, op, kBeforeArgumentsOfJob);
  }
}

}  // namespace mcloss::node
