#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>

namespace mcloss::node {

// Whether "jpeg", "png" or "webp" can be decoded here.
bool has_image_decoder(const std::string& format);
// The threads that work on images; lets at least `count` be.
int64_t image_threads(std::optional<int64_t> count);
// holdImageThread(milliseconds): Promise<undefined>
Napi::Value hold_image_thread(const Napi::CallbackInfo& info);
// readFile(path, mostBytes): Promise<Uint8Array | null>
Napi::Value read_file(const Napi::CallbackInfo& info);
// freeBytes(bytes): void
Napi::Value free_bytes(const Napi::CallbackInfo& info);
// decodeImage(format, bytes, { region?, resized?, window, interpolation, limitInputPixels; of "jpeg" also
// orientation, eighths and repair, of "webp" alpha }, target): Promise<boolean>
Napi::Value decode_image(const Napi::CallbackInfo& info);
// cutPixels(pixels, { size, whole, region?, resized?, window, interpolation }, target): Promise<boolean>
Napi::Value cut_pixels(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
