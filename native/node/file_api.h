#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "../io/stored_tensor.h"
#include "from_script.h"
#include "to_script.h"

namespace mcloss::node {

// { dtype, shape, offset, strides?, swapped? }; row-major without strides
template <>
struct From<io::StoredTensor> {
  static io::StoredTensor take(Capture& capture, const Napi::Value& value, std::string_view argument);
};

std::vector<at::Tensor> read_tensors(int64_t descriptor, const std::string& path,
                                     const std::vector<io::StoredTensor>& stored);
void read_into(int64_t descriptor, const std::string& path, const std::vector<io::StoredTensor>& stored,
               const std::vector<Written>& tensors);
void write_tensors(int64_t descriptor, const std::string& path, const std::vector<io::StoredTensor>& stored,
                   const std::vector<at::Tensor>& tensors);
// Whether this process now holds the file's lock, which ends when the descriptor is closed or the process
// ends, however it ends.
bool try_lock(int64_t descriptor);

}  // namespace mcloss::node
