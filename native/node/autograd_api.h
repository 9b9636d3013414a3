#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the functions that differentiate to the addon's exports.
void export_autograd_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
