#pragma once

#include <napi.h>

#include <exception>
#include <memory>
#include <string>

namespace mcloss::node {

class ScriptValue;

// An exception, reduced to what JavaScript is told of it. Made on the thread that caught it.
struct ErrorReport {
  std::string code;
  std::string message;
  std::string argument = {};  // the one at fault, where it is known
  std::string op = {};        // the operation that failed, where it is known
  std::string forward = {};   // the stack of the call whose backward failed, where it is known
  // What a JavaScript function threw, in an array: this is the error then.
  std::shared_ptr<ScriptValue> thrown = nullptr;
};

// An error with a code of its own, for failures that are ours rather than LibTorch's.
class CodedError : public std::exception {
 public:
  CodedError(std::string code, std::string message, std::string argument = {})
      : report_{std::move(code), std::move(message), std::move(argument)} {}
  const char* what() const noexcept override { return report_.message.c_str(); }
  const ErrorReport& report() const { return report_; }

 private:
  ErrorReport report_;
};

ErrorReport describe(std::exception_ptr exception);

// An instance of the JavaScript error class given to initialize().
Napi::Error make_error(Napi::Env env, const ErrorReport& report, const std::string& op = {});

// Runs an exported function and turns every C++ exception into a JavaScript one.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return Function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw make_error(info.Env(), describe(std::current_exception()));
  }
}

}  // namespace mcloss::node
