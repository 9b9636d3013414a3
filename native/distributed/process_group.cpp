#include "process_group.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "distributed_error.h"
#include "fnv_hash.h"

namespace mcloss::distributed {

#ifndef MCLOSS_CUDA
std::shared_ptr<ProcessGroup> make_nccl_group(const std::shared_ptr<Store>&, const GroupOptions&) {
  throw DistributedError(
      "this build of the addon has no NCCL, as it is for the CPU: take backend \"gloo\", or a LibTorch for "
      "CUDA");
}
#endif

at::Tensor all_gather(ProcessGroup& group, const at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> sizes{group.size()};
  sizes.insert(sizes.end(), tensor.sizes().begin(), tensor.sizes().end());
  const auto all = at::zeros(sizes, tensor.options().requires_grad(false));
  all.select(0, group.rank()).copy_(tensor);
  // As bytes: a float's −0 added to 0 would be another.
  if (all.numel() > 0) group.all_reduce(all.view({-1}).view(at::kByte), Reduction::kSum);
  return all;
}

void require_same(ProcessGroup& group, const std::string& said) {
  const auto hash = at::tensor(fnv_hash(said), at::kLong);
  const auto all = all_gather(group, hash);
  std::string others;
  for (int rank = 0; rank < group.size(); ++rank) {
    if (all[rank].item<int64_t>() != hash.item<int64_t>())
      others += (others.empty() ? "" : ", ") + std::to_string(rank);
  }
  if (others.empty()) return;
  throw DistributedError("the processes do not do the same: rank " + std::to_string(group.rank()) +
                         " is at " + said + ", and rank " + others +
                         " is not. Each must make the same calls in the same order");
}

}  // namespace mcloss::distributed
