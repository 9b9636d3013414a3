#include "errors.h"

#include <c10/util/Exception.h>

#include <new>
#include <system_error>

#include "../autograd/anomaly.h"
#include "../distributed/distributed_error.h"
#include "../nn/torchscript_layer.h"
#include "environment.h"
#include "script_function.h"

namespace mcloss::node {
namespace {

const char* code_of(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error)) return "ERR_OUT_OF_MEMORY";
  if (dynamic_cast<const c10::NotImplementedError*>(&error)) return "ERR_UNSUPPORTED";
  if (dynamic_cast<const c10::IndexError*>(&error)) return "ERR_ARGUMENT";
  if (dynamic_cast<const c10::ValueError*>(&error)) return "ERR_ARGUMENT";
  if (dynamic_cast<const c10::TypeError*>(&error)) return "ERR_DTYPE";
  return "ERR_TORCH";
}

ErrorReport describe_anomaly(const autograd::AnomalyError& error) {
  ErrorReport report{error.is_nan() ? "ERR_NAN_GRADIENT" : "ERR_TORCH", error.what()};
  if (!error.forward()) return report;
  report.op = error.forward()->operation;
  report.forward = error.forward()->stack;
  return report;
}

// The error whose stack is that of the call whose backward failed.
Napi::Value forward_error(Napi::Env env, const std::string& stack) {
  const auto error = Napi::Error::New(env, "the call whose backward failed");
  error.Value().Set("stack", stack);
  return error.Value();
}

}  // namespace

ErrorReport describe(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const CodedError& error) {
    return error.report();
  } catch (const ScriptException& exception) {
    ErrorReport report{"ERR_TORCH", exception.what()};
    report.thrown = exception.holder();
    return report;
  } catch (const autograd::AnomalyError& error) {
    return describe_anomaly(error);
  } catch (const c10::Error& error) {
    return {code_of(error), error.what_without_backtrace()};
  } catch (const distributed::DistributedError& error) {
    return {"ERR_DISTRIBUTED", error.what()};
  } catch (const nn::TorchScriptFileError& error) {
    return {"ERR_CHECKPOINT", error.what()};
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", "out of memory"};
  } catch (const std::system_error& error) {
    return {"ERR_IO", error.what()};
  } catch (const std::exception& error) {
    return {"ERR_TORCH", error.what()};
  } catch (...) {
    return {"ERR_TORCH", "unknown native error"};
  }
}

Napi::Error make_error(Napi::Env env, const ErrorReport& report, const std::string& op) {
  if (report.thrown) return Napi::Error(env, report.thrown->get(env).As<Napi::Array>().Get(0u));
  auto details = Napi::Object::New(env);
  if (!op.empty() || !report.op.empty()) details.Set("op", op.empty() ? report.op : op);
  if (!report.forward.empty()) details.Set("cause", forward_error(env, report.forward));
  if (!report.argument.empty()) details.Set("argument", report.argument);
  const auto& error_class = Environment::of(env).error_class;
  return Napi::Error(env, error_class.New({Napi::String::New(env, report.code),
                                           Napi::String::New(env, report.message), details}));
}

}  // namespace mcloss::node
