#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>

namespace mcloss::node {

bool has_jpeg_decoder();
// The threads that work on images; lets at least `count` be.
int64_t image_threads(std::optional<int64_t> count);
// holdImageThread(milliseconds): Promise<undefined>
Napi::Value hold_image_thread(const Napi::CallbackInfo& info);
// readFile(path, mostBytes): Promise<Uint8Array | null>
Napi::Value read_file(const Napi::CallbackInfo& info);
// decodeJpeg(bytes, { region?, resized?, window, interpolation, orientation, eighths, limitInputPixels,
// repair }, target): Promise<boolean>
Napi::Value decode_jpeg(const Napi::CallbackInfo& info);
// cutPixels(pixels, { size, whole, region?, resized?, window, interpolation }, target): Promise<boolean>
Napi::Value cut_pixels(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
