#pragma once

#include <napi.h>

#include <optional>
#include <string>

#include "from_script.h"
#include "to_script.h"

namespace mcloss::node {

struct TorchVersions {
  std::string compiled;
  std::string runtime;  // of the LibTorch that was loaded
};
template <>
struct To<TorchVersions> {
  static Napi::Value give(Napi::Env env, const TorchVersions& versions);
};

// initialize({ errorClass, invoke, current, snapshot }): gives native code the class of the errors it throws
// and what calls JavaScript functions.
Napi::Value initialize(const Napi::CallbackInfo& info);
// Stops and joins the executor and settles its promises. LibTorch crashes when a thread computes while the
// process exits. Where the running job waits for another process, which may take long, and there is an exit
// code, ends the process at once.
Napi::Value shutdown(const Napi::CallbackInfo& info);
// The number of the job behind the promise returned last.
Napi::Value last_job(const Napi::CallbackInfo& info);
// cancelJob(number, reason): whether the job had not started; then its promise rejects with the reason.
Napi::Value cancel_job(const Napi::CallbackInfo& info);
TorchVersions torch_version();
// Sets, if told, and returns how many threads LibTorch computes with.
int64_t threads(std::optional<int64_t> count);
// The same of whether float32 products and convolutions on a GPU may be of TF32.
bool allow_tf32(std::optional<bool> allow);

}  // namespace mcloss::node
