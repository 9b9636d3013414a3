#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "file.h"

namespace mcloss::io {

// How a tensor lies in a file. lib/io takes it from the file's header and checks that it lies inside the
// file.
struct StoredTensor {
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // in elements
  int64_t offset;                // of the first element, in bytes from the start of the file
  bool swapped = false;          // its elements have the other byte order
};

// Reads each stored tensor into the tensor of the same shape beside it, converting dtype, device and strides.
// Elements that lie in memory as they lie in the file are read where they belong; others go through a small
// buffer, so that no second copy of a tensor is made. Reads with as many threads as LibTorch computes with.
void read_tensors(const File& file, const std::vector<StoredTensor>& stored,
                  const std::vector<at::Tensor>& targets);

// The reverse: writes each tensor as the stored one beside it says. They are of the same dtype and shape.
void write_tensors(const File& file, const std::vector<StoredTensor>& stored,
                   const std::vector<at::Tensor>& sources);

}  // namespace mcloss::io
