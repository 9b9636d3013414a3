#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the functions that move images and checkpoints in and out to the addon's exports.
void export_data_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
