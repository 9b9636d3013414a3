#pragma once

#include <napi.h>

namespace mcloss::node {

// editPixels(source, [height, width], [[name, ...values], ...], target): Promise<void>, of 8-bit RGB. They
// may be the same memory.
Napi::Value edit_pixels(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
