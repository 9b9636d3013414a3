#include "errors.h"

#include <c10/util/Exception.h>

#include <new>
#include <system_error>

#include "environment.h"

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

}  // namespace

ErrorReport describe(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const CodedError& error) {
    return error.report();
  } catch (const c10::Error& error) {
    return {code_of(error), error.what_without_backtrace(), {}};
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", "out of memory", {}};
  } catch (const std::system_error& error) {
    return {"ERR_IO", error.what(), {}};
  } catch (const std::exception& error) {
    return {"ERR_TORCH", error.what(), {}};
  } catch (...) {
    return {"ERR_TORCH", "unknown native error", {}};
  }
}

Napi::Error make_error(Napi::Env env, const ErrorReport& report, const std::string& op) {
  auto details = Napi::Object::New(env);
  if (!op.empty()) details.Set("op", op);
  if (!report.argument.empty()) details.Set("argument", report.argument);
  const auto& error_class = Environment::of(env).error_class;
  return Napi::Error(env, error_class.New({Napi::String::New(env, report.code),
                                           Napi::String::New(env, report.message), details}));
}

}  // namespace mcloss::node
