#pragma once

#include <napi.h>

namespace mcloss::node {

// { tensors, bytes, bytesByDevice, allocators }
Napi::Value memory(const Napi::CallbackInfo& info);
void empty_cache();

}  // namespace mcloss::node
