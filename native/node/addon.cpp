#include <napi.h>

#include <string>

#include "../autograd/generator.h"
#include "environment.h"
#include "function_table.h"
#include "process_settings.h"

namespace mcloss::node {
namespace {

void stop_threads(void* given) {
  auto* environment = static_cast<Environment*>(given);
  environment->executor.stop();
  environment->pool.stop();
}

// { name, parameters, promise }[] of the table, for the test that compares TypeScript's side with it.
Napi::Value functions(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto list = Napi::Array::New(env);
  for (const auto& [declaration, call] : function_table()) {
    auto entry = Napi::Object::New(env);
    entry.Set("signature", std::string(declaration.signature));
    entry.Set("promise", declaration.way >= Way::kJob);
    list.Set(list.Length(), entry);
  }
  return list;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  apply_process_settings();
  auto environment = std::make_unique<Environment>(env);
  autograd::use_generator(environment->generator);
  napi_add_env_cleanup_hook(env, stop_threads, environment.get());
  env.SetInstanceData(environment.release());
  for (const auto& [declaration, call] : function_table()) {
    const std::string name(declaration.name());
    exports.Set(name, Napi::Function::New(env, call, name));
  }
  exports.Set("functions", Napi::Function::New(env, functions, "functions"));
  return exports;
}

NODE_API_MODULE(mcloss, init)

}  // namespace
}  // namespace mcloss::node
