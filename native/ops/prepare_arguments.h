#pragma once

#include <cstdint>

namespace mcloss {

// mcloss::prepare_images as its kernels take it; see prepare_images.h.
struct PrepareArguments {
  const uint8_t* pixels;
  void* output;
  const int32_t* windows;  // may be null
  const int32_t* erased;   // may be null
  int64_t samples;
  int in_height;
  int in_width;
  int height;
  int width;
  float mean[3];
  float std[3];
  float fill[3];
  float erased_color[3];
};

}  // namespace mcloss
