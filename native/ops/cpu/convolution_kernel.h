#pragma once

#include <cstdint>

namespace mcloss::cpu {

// A 3×3 convolution of stride 1 by Winograd's F(2×2, 3×3) (Lavin and Gray 2016): tiles of 2×2 outputs, each
// from 4×4 inputs, are products of matrices at 16 places instead of sums over 9 × 4.
struct WinogradProblem {
  int64_t height, width, channels;      // of the input [N, height, width, channels]
  int64_t output_height, output_width;  // of the output [N, output_height, output_width, outputs]
  int64_t outputs;
  int64_t pad_y, pad_x;
  int64_t tiles_y, tiles_x;  // of each image
  const float* input;
  const float* weights;  // [16, blocks of outputs, channels, outputs of the block]
  const float* bias;     // [outputs, and up to a multiple of the kernel's width]
  const float* other;    // added to the output, whose shape it has; may be null, or `output`
  float* output;
  float low, high;  // what the output is held between
};

// Tiles side by side that are worked on together; `first` counts over all images.
struct WinogradTiles {
  int64_t first, count;
  float* transformed;  // [16, count, ConvolutionKernel::padded(channels)]
  float* products;     // [16, count, ConvolutionKernel::padded(outputs)]
};

constexpr int kWinogradPlaces = 16;
constexpr int64_t kMostTaps = 49;  // of the kernel of a depthwise convolution

// A convolution whose every output sums over stretches of numbers that lie side by side: the rows of its
// kernel, with all their channels.
struct ProductProblem {
  int64_t outputs;
  int64_t stretches, length;
  int64_t stretch_stride;  // from one stretch to the next
  int64_t input_stride;    // from the first stretch of an output to that of the next
  const float* weights;    // [blocks of outputs, stretches, length, outputs of the block]
  const float* bias;       // [outputs, and up to a multiple of the kernel's width]
  float low, high;
};

// Outputs side by side.
struct ProductRows {
  int64_t count;
  const float* input;  // the first stretch of the first
  const float* other;  // as of WinogradProblem
  float* output;
};

// A convolution of each channel by itself.
struct DepthwiseProblem {
  int64_t height, width, channels;  // of the input [N, height, width, channels]
  int64_t output_height, output_width;
  int64_t kernel_height, kernel_width, stride_y, stride_x, pad_y, pad_x;
  int64_t row_mask;  // row y of an image lies where row y & row_mask would
  const float* input;
  const float* weights;  // [kernel_height, kernel_width, channels up to a multiple of the kernel's width]
  const float* bias;     // [channels, and up to a multiple of the kernel's width]
  const float* other;    // as of WinogradProblem
  float* output;
  float low, high;
};

struct ConvolutionKernel {
  int64_t width;    // floats in a vector
  int64_t columns;  // outputs that are multiplied at once
  // Of the tiles from `begin` to `end` of those at hand.
  void (*transform_input)(const WinogradProblem&, const WinogradTiles&, int64_t begin, int64_t end);
  // The products at one place, of one block of `columns` outputs.
  void (*multiply)(const WinogradProblem&, const WinogradTiles&, int64_t place, int64_t block);
  void (*transform_output)(const WinogradProblem&, const WinogradTiles&, int64_t begin, int64_t end);
  // One block of `columns` channels.
  void (*product)(const ProductProblem&, const ProductRows&, int64_t block);
  // Of the rows from `begin` to `end` of [N, output_height].
  void (*depthwise)(const DepthwiseProblem&, int64_t begin, int64_t end);

  int64_t padded(int64_t channels) const { return (channels + width - 1) / width * width; }
  int64_t blocks(int64_t outputs) const { return (outputs + columns - 1) / columns; }
};

#if defined(__x86_64__)
namespace avx512 {
ConvolutionKernel make_convolution_kernel();
}
namespace avx2 {
ConvolutionKernel make_convolution_kernel();
}
#endif

// Null where this processor has no vectors that are worth it.
const ConvolutionKernel* convolution_kernel();

}  // namespace mcloss::cpu
