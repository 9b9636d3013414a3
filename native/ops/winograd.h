#pragma once

#include <ATen/core/Tensor.h>

#include "export.h"

namespace mcloss {

// A 3×3 convolution of stride 1 in float32 on the CPU, by Winograd's F(2×2, 3×3): 2.25 times fewer
// multiplications.
class MCLOSS_OPS_API WinogradConvolution {
 public:
  // Whether this processor has the vectors for it, and it is worth it for weights [O, C, 3, 3].
  static bool is_for(const at::Tensor& weight);

  // `bias` [O] may be undefined.
  WinogradConvolution(const at::Tensor& weight, const at::Tensor& bias, int64_t pad_y, int64_t pad_x);

  // `input` [N, C, H, W] in channels_last. `other`, of the output's shape and channels_last, is added where
  // it is defined, and overwritten with `in_place`. The output is held between `low` and `high`.
  at::Tensor run(const at::Tensor& input, const at::Tensor& other, bool in_place, float low,
                 float high) const;

 private:
  at::Tensor weights_, bias_;  // as the kernel has them
  int64_t channels_, outputs_, pad_y_, pad_x_;
};

}  // namespace mcloss
