#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace mcloss::io {

// Where one tensor lies in a safetensors file. The header itself is parsed, checked and written in lib/io.
struct TensorEntry {
  std::vector<int64_t> shape;
  at::ScalarType dtype;
  int64_t offset;  // in the file, in bytes
};

std::vector<at::Tensor> read_tensors(const std::string& path, const std::vector<TensorEntry>& entries);

// Writes the header and then the tensors' bytes to a temporary file beside `path`, syncs it and renames it,
// so that `path` holds either the old file or the whole new one.
void write_safetensors(const std::string& path, const std::string& header,
                       const std::vector<at::Tensor>& tensors);

}  // namespace mcloss::io
