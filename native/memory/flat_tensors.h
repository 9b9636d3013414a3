#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss {

// Tensors side by side in memory, so that one call works on all of them: one block for each dtype and device.
struct FlatTensors {
  std::vector<at::Tensor> blocks;   // [elements]; the few between two tensors are 0
  std::vector<at::Tensor> tensors;  // in the blocks, each with a version of its own
};

// [elements]: a tensor without gaps, in its own memory and their order there.
at::Tensor flat_view(const at::Tensor& tensor);

// Zeros with the sizes and strides of `like`.
FlatTensors flat_zeros_like(const std::vector<at::Tensor>& like);

// Moves the tensors' memory into blocks, which it gives. A tensor that has gaps, or shares its memory with
// another, stays where it is and is a block by itself. `before` is what this gave for these tensors last, of
// which some may have moved since.
std::vector<at::Tensor> lay_flat(const std::vector<at::Tensor>& tensors,
                                 const std::vector<at::Tensor>& before = {});

}  // namespace mcloss
