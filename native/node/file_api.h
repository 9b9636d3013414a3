#pragma once

#include <napi.h>

namespace mcloss::node {

// The exported functions on tensors in files.
void export_file_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
