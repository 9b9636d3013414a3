#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <napi.h>
#include <torch/version.h>

#include "../memory/block_cache.h"
#include "autograd_api.h"
#include "data_api.h"
#include "environment.h"
#include "errors.h"
#include "model_api.h"
#include "tensor_api.h"
#include "train_api.h"

namespace mcloss::node {
namespace {

// initialize({ errorClass }): gives native code the class of the errors it throws.
Napi::Value initialize(const Napi::CallbackInfo& info) {
  const auto error_class = info[0].As<Napi::Object>().Get("errorClass").As<Napi::Function>();
  Environment::of(info.Env()).error_class = Napi::Persistent(error_class);
  return info.Env().Undefined();
}

// shutdown(): stops and joins the executor. LibTorch crashes when a thread computes while the process exits.
Napi::Value shutdown(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).executor.stop();
  return info.Env().Undefined();
}

// The version of the LibTorch that was loaded, as its own build summary names it.
std::string runtime_version() {
  const std::string key = "TORCH_VERSION=";
  const std::string summary = at::show_config();
  const auto start = summary.find(key);
  if (start == std::string::npos) return "unknown";
  const auto end = summary.find(',', start);
  return summary.substr(start + key.size(), end - start - key.size());
}

// torchVersion(): { compiled, runtime }
Napi::Value torch_version(const Napi::CallbackInfo& info) {
  auto result = Napi::Object::New(info.Env());
  result.Set("compiled", std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) +
                             "." + std::to_string(TORCH_VERSION_PATCH));
  result.Set("runtime", runtime_version());
  return result;
}

// threads(count?): sets and returns how many threads LibTorch computes with.
Napi::Value threads(const Napi::CallbackInfo& info) {
  if (info[0].IsNumber()) at::set_num_threads(info[0].As<Napi::Number>().Int32Value());
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

void stop_executor(void* environment) {
  static_cast<Environment*>(environment)->executor.stop();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  install_block_cache();
  auto environment = std::make_unique<Environment>(env);
  napi_add_env_cleanup_hook(env, stop_executor, environment.get());
  env.SetInstanceData(environment.release());
  exports.Set("initialize", Napi::Function::New<guarded<initialize>>(env, "initialize"));
  exports.Set("shutdown", Napi::Function::New<guarded<shutdown>>(env, "shutdown"));
  exports.Set("torchVersion", Napi::Function::New<guarded<torch_version>>(env, "torchVersion"));
  exports.Set("threads", Napi::Function::New<guarded<threads>>(env, "threads"));
  export_tensor_api(env, exports);
  export_autograd_api(env, exports);
  export_model_api(env, exports);
  export_train_api(env, exports);
  export_data_api(env, exports);
  return exports;
}

NODE_API_MODULE(mcloss, init)

}  // namespace
}  // namespace mcloss::node
