#include "capture.h"

#include <string>

namespace mcloss::node {

bool is_exclusive(const at::Tensor& tensor) {
  if (tensor.use_count() > 1) return false;
  return !tensor.has_storage() || tensor.storage().use_count() == 1;
}

Capture::Capture(Environment& environment, const Declaration& declaration)
    : environment_(environment), declaration_(declaration) {}

bool Capture::is_checked() {
  // What runs in a function that a job waits for is a part of that job.
  return !environment_.executor.idle() && !environment_.executor.calls().are_served();
}

void Capture::use_gradient(const Handle<at::Tensor>& handle, std::string_view argument) {
  if (environment_.executor.idle() || environment_.executor.calls().are_served()) return;
  refuse_where(handle.charges.against(environment_, Access::kRead), argument);
  refuse_where(writing_gradients(), argument);
}

void Capture::use_hooks(const Handle<at::Tensor>& handle, std::string_view argument) {
  if (environment_.executor.idle() || is_exclusive(*handle.value)) return;
  refuse_where(handle.charges.against(environment_, Access::kWrite), argument);
  refuse_where(writing_gradients(), argument);
}

void Capture::refuse_where(std::string_view job, std::string_view argument) const {
  if (job.empty()) return;
  const std::string name(argument);
  std::string text = name + " is in use by " + std::string(job) + "(), which has not ended: await that first";
  if (!declaration_.ordered.empty()) text += ", or use " + std::string(declaration_.ordered);
  throw CodedError("ERR_BUSY", std::move(text), name);
}

void Capture::attach_kept(const Napi::Promise& promise) const {
  if (kept_.empty()) return;
  const auto env = promise.Env();
  auto list = Napi::Array::New(env, kept_.size());
  for (uint32_t i = 0; i < kept_.size(); ++i) list[i] = kept_[i];
  promise.As<Napi::Object>().Set("kept", list);
}

void Capture::begin() {
  kept_.clear();
  const auto job = declaration_.name();
  for (const auto& use : uses_) {
    if (use.object) {
      use.object->begin(use.access, job);
    } else {
      environment_.ledger.begin(use.storage, use.access, job);
    }
  }
  if (declaration_.way == Way::kBackwardJob) environment_.gradients->begin(Access::kWrite, job);
}

void Capture::end() {
  for (const auto& use : uses_) {
    if (use.object) {
      use.object->end(use.access);
    } else {
      environment_.ledger.end(use.storage, use.access);
    }
  }
  uses_.clear();
  if (declaration_.way == Way::kBackwardJob) environment_.gradients->end(Access::kWrite);
}

}  // namespace mcloss::node
