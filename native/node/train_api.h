#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the functions on whole training steps to the addon's exports.
void export_train_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
