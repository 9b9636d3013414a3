#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mcloss::data {

// 8-bit RGB, row by row.
struct PixelImage {
  int64_t height;
  int64_t width;
  std::vector<uint8_t> bytes;

  uint8_t* at(int64_t y, int64_t x) { return bytes.data() + (y * width + x) * 3; }
  const uint8_t* at(int64_t y, int64_t x) const { return bytes.data() + (y * width + x) * 3; }
};

// The numbers that an edit takes, by its name, are in edit_pixels.cpp's table.
struct PixelEdit {
  std::string name;
  std::vector<double> values;
};

// Makes one edit after the other. They are torchvision's operations on uint8 tensors, and round where those
// do. Throws std::invalid_argument for an edit that there is not.
void edit_pixels(PixelImage& image, std::span<const PixelEdit> edits);

}  // namespace mcloss::data
