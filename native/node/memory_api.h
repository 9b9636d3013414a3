#pragma once

#include <napi.h>

namespace mcloss::node {

void export_memory_api(Napi::Env env, Napi::Object& exports);

}  // namespace mcloss::node
