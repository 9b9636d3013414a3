#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif

#include <c10/cuda/CUDAFunctions.h>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "c10d_errors.h"
#include "c10d_group.h"
#include "c10d_store.h"

namespace mcloss::distributed {
namespace {

using Nccl = c10d::ProcessGroupNCCL;

// Tensors on the GPU over NCCL, others over Gloo.
class GpuGroup final : public ProcessGroup {
 public:
  GpuGroup(std::shared_ptr<ProcessGroup> cpu, c10::intrusive_ptr<Nccl> nccl)
      : cpu_(std::move(cpu)), nccl_(nccl), gpu_(std::move(nccl)) {}
  ~GpuGroup() override { destroy(); }

  int rank() const override { return cpu_->rank(); }
  int size() const override { return cpu_->size(); }
  std::unique_ptr<Work> start_all_reduce(const at::Tensor& tensor, Reduction reduction) override {
    return group_of(tensor).start_all_reduce(tensor, reduction);
  }
  void broadcast(const at::Tensor& tensor, int from) override { group_of(tensor).broadcast(tensor, from); }
  at::Tensor pass_on(const at::Tensor& tensor) override { return group_of(tensor).pass_on(tensor); }
  void barrier() override { cpu_->barrier(); }
  void destroy() override {
    // NCCL waits for the others where it is not told to give up.
    if (nccl_) guarded_call([&] { nccl_->abort(); });
    nccl_.reset();
    gpu_.destroy();
    cpu_->destroy();
  }

 private:
  ProcessGroup& group_of(const at::Tensor& tensor) { return tensor.is_cuda() ? gpu_ : *cpu_; }

  std::shared_ptr<ProcessGroup> cpu_;
  c10::intrusive_ptr<Nccl> nccl_;
  C10dGroup gpu_;
};

}  // namespace

std::shared_ptr<ProcessGroup> make_nccl_group(const std::shared_ptr<Store>& store,
                                              const GroupOptions& given) {
  auto cpu = make_gloo_group(store, given);
  return guarded_call([&] {
    auto options = Nccl::Options::create();
    options->timeout = given.timeout;
    // Every store is one of LibTorch's.
    auto part = static_cast<const C10dStore&>(*store).part(given.prefix + "nccl/");
    auto nccl = c10::make_intrusive<Nccl>(std::move(part), given.rank, given.world_size, std::move(options));
    nccl->eagerConnectSingleDevice(at::Device(at::kCUDA, c10::cuda::current_device()));
    return std::make_shared<GpuGroup>(std::move(cpu), std::move(nccl));
  });
}

}  // namespace mcloss::distributed
