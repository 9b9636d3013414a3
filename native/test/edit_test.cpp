// Edits of 8-bit pixels on random images, of one pixel too: nothing outside them is read or written, their
// sizes are what they must be, and what undoes an edit gives the image back.
//   edit_test [cases [seed]]

#include <cstdio>
#include <cstdlib>
#include <random>

#include "../data/edit_pixels.h"

namespace mcloss::test {
namespace {

using data::PixelEdit;
using data::PixelImage;

int64_t between(std::mt19937_64& random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

double real(std::mt19937_64& random, double least, double most) {
  return std::uniform_real_distribution<double>(least, most)(random);
}

PixelImage random_image(std::mt19937_64& random) {
  PixelImage image{between(random, 1, 12), between(random, 1, 12), {}};
  image.bytes.resize(image.height * image.width * 3);
  const int64_t most = between(random, 0, 1) == 0 ? 2 : 255;
  for (uint8_t& level : image.bytes) level = static_cast<uint8_t>(between(random, 0, most));
  return image;
}

PixelEdit random_warp(std::mt19937_64& random) {
  PixelEdit edit{"affine", {}};
  for (int i = 0; i < 6; ++i) edit.values.push_back(real(random, -2, 2) * (i % 3 == 2 ? 10 : 1));
  edit.values.push_back(static_cast<double>(between(random, 0, 1)));
  if (between(random, 0, 1) == 1) edit.values.insert(edit.values.end(), {0, 99.5, 255});
  return edit;
}

// Of every kind, those that keep an image's size.
std::vector<PixelEdit> random_edits(std::mt19937_64& random) {
  const double factor = real(random, 0, 3);
  return {{"flipHorizontal", {}},
          {"flipVertical", {}},
          {"turn", {2}},
          random_warp(random),
          {"brightness", {factor}},
          {"contrast", {factor}},
          {"saturation", {factor}},
          {"hue", {real(random, -0.5, 0.5)}},
          {"grayscale", {}},
          {"posterize", {static_cast<double>(between(random, 0, 8))}},
          {"solarize", {real(random, 0, 255)}},
          {"autocontrast", {}},
          {"equalize", {}},
          {"invert", {}},
          {"sharpness", {factor}},
          {"gaussianBlur", {static_cast<double>(2 * between(random, 0, 9) + 1), real(random, 0.1, 5)}}};
}

PixelImage edited(PixelImage image, const std::vector<PixelEdit>& edits) {
  data::edit_pixels(image, edits);
  return image;
}

bool check(std::mt19937_64& random) {
  const auto image = random_image(random);
  const auto size = image.bytes.size();
  for (const auto& edit : random_edits(random)) {
    if (edited(image, {edit}).bytes.size() == size) continue;
    std::printf("%s changes the size\n", edit.name.c_str());
    return false;
  }
  const auto undone = [&](const PixelEdit& edit) { return edited(image, {edit, edit}).bytes == image.bytes; };
  bool good = undone({"flipHorizontal", {}}) && undone({"flipVertical", {}}) && undone({"invert", {}}) &&
              undone({"turn", {2}}) &&
              edited(image, {{"affine", {1, 0, 0, 0, 1, 0, 0}}}).bytes == image.bytes;
  if (!good) std::printf("an edit that undoes itself does not\n");
  const auto height = between(random, 1, 20);
  const auto width = between(random, 1, 20);
  const auto start = [&] { return static_cast<double>(between(random, -15, 15)); };
  const auto part = edited(
      image,
      {{"crop", {start(), start(), static_cast<double>(height), static_cast<double>(width), 1, 2, 3}}});
  good = good && part.height == height && part.width == width &&
         part.bytes.size() == static_cast<size_t>(height * width * 3);
  return good;
}

}  // namespace
}  // namespace mcloss::test

int main(int count, char** values) {
  const int cases = count > 1 ? std::atoi(values[1]) : 300;
  const auto seed = count > 2 ? std::strtoull(values[2], nullptr, 10) : 1ULL;
  int failed = 0;
  for (int i = 0; i < cases; ++i) {
    std::mt19937_64 random(seed + i);
    if (mcloss::test::check(random)) continue;
    std::printf("again: edit_test 1 %llu\n", static_cast<unsigned long long>(seed + i));
    ++failed;
  }
  std::printf("%d passed, %d failed\n", cases - failed, failed);
  return failed == 0 ? 0 : 1;
}
