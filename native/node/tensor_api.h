#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the functions on tensors and generators to the addon's exports.
void export_tensor_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
