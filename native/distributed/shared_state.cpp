#include "shared_state.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <sstream>

#include "fnv_hash.h"

namespace mcloss::distributed {
namespace {

// The bytes of a tensor's elements, in its own memory where it lies densely.
at::Tensor bytes_of(const at::Tensor& tensor) {
  const auto plain = tensor.detach();
  const auto dense =
      plain.is_non_overlapping_and_dense() ? plain.as_strided({plain.numel()}, {1}) : plain.contiguous();
  return dense.view({-1}).view(at::kByte);
}

std::string described(const std::vector<at::Tensor>& tensors) {
  std::ostringstream text;
  text << tensors.size() << " tensors:";
  for (const auto& tensor : tensors) text << " " << tensor.dtype() << tensor.sizes() << tensor.strides();
  return text.str();
}

int64_t hash_of(const at::Tensor& tensor) {
  const auto bytes = bytes_of(tensor).cpu();
  return fnv_hash(
      {reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()), static_cast<size_t>(bytes.numel())});
}

}  // namespace

void share_state(ProcessGroup& group, const std::vector<at::Tensor>& tensors, at::Tensor& flag) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> shared;
  for (const auto& tensor : tensors) {
    if (tensor.is_floating_point()) shared.push_back(tensor);
  }
  const auto dtype = shared.empty() ? at::kFloat : shared[0].scalar_type();
  std::vector<at::Tensor> flat;
  for (const auto& tensor : shared) flat.push_back(tensor.reshape({-1}).to(dtype).div(group.size()));
  flat.push_back(flag.reshape({1}).to(dtype));
  const auto all = at::cat(flat);
  group.all_reduce(all, Reduction::kSum);
  int64_t offset = 0;
  for (auto& tensor : shared) {
    tensor.copy_(all.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
    offset += tensor.numel();
  }
  flag.copy_(all[offset].clamp_max(1));
}

void broadcast_all(ProcessGroup& group, const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  require_same(group, described(tensors));
  for (const auto& tensor : tensors) {
    if (tensor.numel() == 0) continue;
    const auto bytes = bytes_of(tensor);
    group.broadcast(bytes, 0);
    if (!bytes.is_alias_of(tensor))
      tensor.detach().copy_(bytes.view(tensor.scalar_type()).view(tensor.sizes()));
  }
}

std::vector<int64_t> find_differences(ProcessGroup& group, const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  require_same(group, described(tensors));
  std::vector<int64_t> hashes;
  for (const auto& tensor : tensors) hashes.push_back(hash_of(tensor));
  const auto all = all_gather(group, at::tensor(hashes, at::kLong));
  const auto differ = all.ne(all[0]).any(0).nonzero().flatten();
  return {differ.const_data_ptr<int64_t>(), differ.const_data_ptr<int64_t>() + differ.numel()};
}

}  // namespace mcloss::distributed
