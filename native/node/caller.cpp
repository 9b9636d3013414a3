#include "caller.h"

#include "environment.h"

namespace mcloss::node {

Caller Caller::capture(Napi::Env env) {
  const auto& environment = Environment::of(env);
  napi_value error = nullptr;
  napi_create_error(env, nullptr, Napi::String::New(env, ""), &error);
  Caller caller;
  caller.stack = std::make_unique<ScriptValue>(environment.references, Napi::Value(env, error));
  if (environment.references->functions > 0) {
    const auto context = environment.script.snapshot.Call({});
    caller.context = std::make_shared<ScriptValue>(environment.references, context);
  }
  return caller;
}

void Caller::sign(const Napi::Error& error) const {
  const Napi::Env env = error.Env();
  const Napi::Value captured = stack->get(env).As<Napi::Object>().Get("stack");
  if (!captured.IsString()) return;  // Error.prepareStackTrace may make anything of it
  const std::string frames = captured.As<Napi::String>();
  const auto first = frames.find("\n    at ");
  if (first == std::string::npos) return;
  auto object = error.Value();
  const std::string name = object.Get("name").ToString();
  const std::string message = object.Get("message").ToString();
  object.Set("stack", name + ": " + message + frames.substr(first));
}

}  // namespace mcloss::node
