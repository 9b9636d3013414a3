#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the functions that build, run and inspect models to the addon's exports.
void export_model_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
