#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <napi.h>
#include <torch/version.h>

#include "../autograd/engine.h"
#include "../memory/block_cache.h"
#include "autograd_api.h"
#include "data_api.h"
#include "environment.h"
#include "errors.h"
#include "file_api.h"
#include "jpeg_api.h"
#include "memory_api.h"
#include "model_api.h"
#include "optimizer_api.h"
#include "tensor_api.h"
#include "train_api.h"

namespace mcloss::node {
namespace {

// initialize({ errorClass, invoke, current, snapshot }): gives native code the class of the errors it throws
// and what calls JavaScript functions.
Napi::Value initialize(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  const auto persistent = [&options](const char* name) {
    return Napi::Persistent(options.Get(name).As<Napi::Function>());
  };
  auto& environment = Environment::of(info.Env());
  environment.error_class = persistent("errorClass");
  environment.script = {persistent("invoke"), persistent("current"), persistent("snapshot")};
  return info.Env().Undefined();
}

// shutdown(): stops and joins the executor and settles its promises. LibTorch crashes when a thread computes
// while the process exits.
Napi::Value shutdown(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).executor.shut_down(info.Env());
  return info.Env().Undefined();
}

// lastJob(): the number of the job behind the promise returned last
Napi::Value last_job(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Environment::of(info.Env()).executor.last_job()));
}

// cancelJob(number, reason): whether the job had not started; then its promise rejects with the reason
Napi::Value cancel_job(const Napi::CallbackInfo& info) {
  const auto number = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const bool cancelled = Environment::of(info.Env()).executor.cancel(info.Env(), number, info[1]);
  return Napi::Boolean::New(info.Env(), cancelled);
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

// allowTf32(allow?): sets and returns whether float32 products and convolutions on a GPU may be of TF32.
Napi::Value allow_tf32(const Napi::CallbackInfo& info) {
  auto& context = at::globalContext();
  if (info[0].IsBoolean()) {
    const bool allow = info[0].As<Napi::Boolean>();
    context.setAllowTF32CuBLAS(allow);
    context.setAllowTF32CuDNN(allow);
  }
  return Napi::Boolean::New(info.Env(), context.allowTF32CuBLAS() && context.allowTF32CuDNN());
}

void stop_executor(void* environment) {
  static_cast<Environment*>(environment)->executor.stop();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  install_block_cache();
  // oneDNN has the same convolutions, and NNPACK warns at each of them on processors that it does not know.
  at::globalContext().setUserEnabledNNPACK(false);
  autograd::install_engine();
  auto environment = std::make_unique<Environment>(env);
  napi_add_env_cleanup_hook(env, stop_executor, environment.get());
  env.SetInstanceData(environment.release());
  exports.Set("initialize", Napi::Function::New<guarded<initialize>>(env, "initialize"));
  exports.Set("shutdown", Napi::Function::New<guarded<shutdown>>(env, "shutdown"));
  exports.Set("lastJob", Napi::Function::New<guarded<last_job>>(env, "lastJob"));
  exports.Set("cancelJob", Napi::Function::New<guarded<cancel_job>>(env, "cancelJob"));
  exports.Set("torchVersion", Napi::Function::New<guarded<torch_version>>(env, "torchVersion"));
  exports.Set("threads", Napi::Function::New<guarded<threads>>(env, "threads"));
  exports.Set("allowTf32", Napi::Function::New<guarded<allow_tf32>>(env, "allowTf32"));
  export_tensor_api(env, exports);
  export_memory_api(env, exports);
  export_autograd_api(env, exports);
  export_model_api(env, exports);
  export_optimizer_api(env, exports);
  export_train_api(env, exports);
  export_data_api(env, exports);
  export_file_api(env, exports);
  export_jpeg_api(env, exports);
  return exports;
}

NODE_API_MODULE(mcloss, init)

}  // namespace
}  // namespace mcloss::node
