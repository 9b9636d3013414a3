#pragma once

#include <napi.h>

namespace mcloss::node {

bool has_jpeg_decoder();
// decodeJpeg(bytes, { region?, resized?, window, interpolation, limitInputPixels, repair }, target):
// Promise<boolean>
Napi::Value decode_jpeg(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
