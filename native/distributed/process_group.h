#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store.h"

namespace mcloss::distributed {

enum class Reduction : uint8_t { kSum, kMin, kMax };

// Something that all processes do together and that goes on meanwhile.
class Work {
 public:
  virtual ~Work() = default;
  // On a GPU, lets what follows on the device wait.
  virtual void wait() = 0;
};

// The processes of a run. All of them must call the same functions in the same order, with tensors of the
// same dtypes and sizes: Gloo ends a process that gets more or less than it waits for. Tensors are changed in
// place and must be contiguous or all processes' alike. Everything throws DistributedError, after which the
// group works no more.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::unique_ptr<Work> start_all_reduce(const at::Tensor& tensor, Reduction reduction) = 0;
  virtual void broadcast(const at::Tensor& tensor, int from) = 0;
  // What the process before this one passes on, the last one's for the first: a tensor of the same sizes and
  // dtype, none empty.
  virtual at::Tensor pass_on(const at::Tensor& tensor) = 0;
  virtual void barrier() = 0;
  // Drops the connections, which the others see at once. May be called again.
  virtual void destroy() = 0;

  void all_reduce(const at::Tensor& tensor, Reduction reduction) {
    start_all_reduce(tensor, reduction)->wait();
  }
};

struct GroupOptions {
  std::string prefix;  // of the group's keys in the store
  int rank = 0;
  int world_size = 1;
  std::string
      address;  // of this machine, as the others reach it; none: GLOO_SOCKET_IFNAME, or the host's name
  std::chrono::milliseconds timeout;
};

// On the CPU's network; takes tensors of any device.
std::shared_ptr<ProcessGroup> make_gloo_group(const std::shared_ptr<Store>& store,
                                              const GroupOptions& options);

// The same, and NCCL for tensors on this process's GPU, which is the current one. Throws DistributedError
// where this build has none.
std::shared_ptr<ProcessGroup> make_nccl_group(const std::shared_ptr<Store>& store,
                                              const GroupOptions& options);

// [processes, *tensor.sizes()]: the tensors of all, by rank, bit for bit.
at::Tensor all_gather(ProcessGroup& group, const at::Tensor& tensor);

// Throws DistributedError, on all processes, where they do not say the same.
void require_same(ProcessGroup& group, const std::string& said);

}  // namespace mcloss::distributed
