#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the functions on optimizers, gradients, gradient scalers and moving averages to the addon's exports.
void export_optimizer_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
