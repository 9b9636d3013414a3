#include "process_api.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <cstdio>
#include <cstdlib>

#include "../distributed/waiting.h"
#include "executor.h"

namespace mcloss::node {
namespace {

// The version of LibTorch as its own build summary names it.
std::string runtime_version() {
  const std::string key = "TORCH_VERSION=";
  const std::string summary = at::show_config();
  const auto start = summary.find(key);
  if (start == std::string::npos) return "unknown";
  const auto end = summary.find(',', start);
  return summary.substr(start + key.size(), end - start - key.size());
}

}  // namespace

Napi::Value To<TorchVersions>::give(Napi::Env env, const TorchVersions& versions) {
  auto object = Napi::Object::New(env);
  object.Set("compiled", versions.compiled);
  object.Set("runtime", versions.runtime);
  return object;
}

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

Napi::Value shutdown(const Napi::CallbackInfo& info) {
  if (info[0].IsNumber() && distributed::is_waiting()) {
    std::fflush(nullptr);
    std::_Exit(info[0].As<Napi::Number>().Int32Value());
  }
  auto& environment = Environment::of(info.Env());
  environment.executor.shut_down(info.Env());
  environment.pool.stop();
  return info.Env().Undefined();
}

Napi::Value last_job(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Environment::of(info.Env()).executor.last_job()));
}

Napi::Value cancel_job(const Napi::CallbackInfo& info) {
  const auto number = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const bool cancelled = Environment::of(info.Env()).executor.cancel(info.Env(), number, info[1]);
  return Napi::Boolean::New(info.Env(), cancelled);
}

TorchVersions torch_version() {
  return {std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
              std::to_string(TORCH_VERSION_PATCH),
          runtime_version()};
}

int64_t threads(std::optional<int64_t> count) {
  if (count) {
    at::set_num_threads(static_cast<int>(*count));
    Executor::set_threads(static_cast<int>(*count));
  }
  return at::get_num_threads();
}

bool allow_tf32(std::optional<bool> allow) {
  auto& context = at::globalContext();
  if (allow) {
    context.setAllowTF32CuBLAS(*allow);
    context.setAllowTF32CuDNN(*allow);
  }
  return context.allowTF32CuBLAS() && context.allowTF32CuDNN();
}

}  // namespace mcloss::node
