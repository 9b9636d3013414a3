#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "export.h"

namespace mcloss {

// What a convolution does with its sums before it writes them.
struct ConvolutionOutput {
  at::Tensor other;  // [N, O, H, W] in channels_last, is added; or undefined
  bool in_place;     // writes over `other`
  float low, high;   // what the sums are held between
};

// A convolution in float32 on the CPU, of images in channels_last, with weights packed for this processor.
class MCLOSS_OPS_API PackedFloatConvolution {
 public:
  virtual ~PackedFloatConvolution() = default;

  at::Tensor run(const at::Tensor& input, const ConvolutionOutput& output) const;

 private:
  virtual std::vector<int64_t> output_size(const at::Tensor& input) const = 0;
  virtual void write(const at::Tensor& input, const ConvolutionOutput& output, float* to) const = 0;
};

struct PackedConvolutionOptions {
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups;
};

// Null where oneDNN has the better one, or this processor lacks the vectors. There are: 3×3 of stride 1 by
// Winograd's F(2×2, 3×3), with 2.25 times fewer multiplications; 1×1 of stride 1; and channels each by
// themselves. `bias` may be undefined.
MCLOSS_OPS_API std::unique_ptr<PackedFloatConvolution> pack_float_convolution(
    const at::Tensor& weight, const at::Tensor& bias, const PackedConvolutionOptions& options);

struct FloatStage {
  std::unique_ptr<PackedFloatConvolution> convolution;
  float low, high;  // what its sums are held between
};

// One convolution that does what these do one after another: a 1×1 one, which may be missing, and one of each
// channel by itself, before a 1×1 one. Null for others.
MCLOSS_OPS_API std::unique_ptr<PackedFloatConvolution> join_float_convolutions(
    std::vector<FloatStage> earlier, std::unique_ptr<PackedFloatConvolution> last);

// The threads of LibTorch that this thread's operators use, where a thread has set none of its own.
MCLOSS_OPS_API void use_threads_here(int count);

}  // namespace mcloss
