#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "process_group.h"

namespace mcloss::distributed {

// Makes floating-point tensors the mean over the processes, and `flag`, 0 or 1, 1 where any process's is, in
// one small reduction. Tensors of other types are the same on all processes already.
void share_state(ProcessGroup& group, const std::vector<at::Tensor>& tensors, at::Tensor& flag);

// Gives all processes the tensors of rank 0.
void broadcast_all(ProcessGroup& group, const std::vector<at::Tensor>& tensors);

// The positions of those tensors that are not the same on all processes, bit for bit.
std::vector<int64_t> find_differences(ProcessGroup& group, const std::vector<at::Tensor>& tensors);

}  // namespace mcloss::distributed
