#pragma once

#include <napi.h>

namespace mcloss::node {

// Adds the JPEG decoder to the addon's exports.
void export_jpeg_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
