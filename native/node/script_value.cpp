#include "script_value.h"

#include <utility>

namespace mcloss::node {

void ReferenceBin::discard(napi_ref reference) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  if (std::this_thread::get_id() != script_thread_) return discarded_.push_back(reference);
  napi_delete_reference(env_, reference);
}

void ReferenceBin::empty() {
  const std::lock_guard lock(mutex_);
  for (const napi_ref reference : std::exchange(discarded_, {})) napi_delete_reference(env_, reference);
}

void ReferenceBin::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

ScriptValue::ScriptValue(std::shared_ptr<ReferenceBin> bin, const Napi::Value& object)
    : bin_(std::move(bin)) {
  const napi_status status = napi_create_reference(object.Env(), object, 1, &reference_);
  if (status != napi_ok) throw Napi::Error::New(object.Env());
}

Napi::Value ScriptValue::get(Napi::Env env) const {
  napi_value value = nullptr;
  napi_get_reference_value(env, reference_, &value);
  return {env, value};
}

}  // namespace mcloss::node
