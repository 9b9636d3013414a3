#include "c10d_group.h"

#include <ATen/ops/empty_like.h>

#include "c10d_errors.h"

namespace mcloss::distributed {
namespace {

class C10dWork final : public Work {
 public:
  explicit C10dWork(c10::intrusive_ptr<c10d::Work> work) : work_(std::move(work)) {}

  void wait() override {
    guarded_call([&] { work_->wait(); });
  }

 private:
  c10::intrusive_ptr<c10d::Work> work_;
};

// A backend writes without telling LibTorch.
void count_change(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

c10d::ReduceOp::RedOpType operation_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::kMin:
      return c10d::ReduceOp::MIN;
    case Reduction::kMax:
      return c10d::ReduceOp::MAX;
    default:
      return c10d::ReduceOp::SUM;
  }
}

}  // namespace

C10dGroup::C10dGroup(c10::intrusive_ptr<c10d::Backend> backend)
    : backend_(std::move(backend)), rank_(backend_->getRank()), size_(backend_->getSize()) {}

std::unique_ptr<Work> C10dGroup::start_all_reduce(const at::Tensor& tensor, Reduction reduction) {
  count_change(tensor);
  std::vector<at::Tensor> tensors{tensor.detach()};
  c10d::AllreduceOptions options;
  options.reduceOp = operation_of(reduction);
  return guarded_call([&] { return std::make_unique<C10dWork>(backend().allreduce(tensors, options)); });
}

void C10dGroup::broadcast(const at::Tensor& tensor, int from) {
  count_change(tensor);
  std::vector<at::Tensor> tensors{tensor.detach()};
  c10d::BroadcastOptions options;
  options.rootRank = from;
  guarded_call([&] { backend().broadcast(tensors, options)->wait(); });
}

at::Tensor C10dGroup::pass_on(const at::Tensor& tensor) {
  // Rows as they lie in memory, which in channels_last are positions.
  const bool images = tensor.dim() == 4;
  const auto sent = (images ? tensor.detach().permute({0, 2, 3, 1}) : tensor.detach()).contiguous();
  auto received = at::empty_like(sent);
  std::vector<int64_t> to(size_), from(size_);
  to[(rank_ + 1) % size_] = from[(rank_ + size_ - 1) % size_] = sent.size(0);
  guarded_call([&] {
    auto input = sent;
    backend().alltoall_base(received, input, from, to)->wait();
  });
  return images ? received.permute({0, 3, 1, 2}) : received;
}

void C10dGroup::barrier() {
  guarded_call([&] { backend().barrier()->wait(); });
}

void C10dGroup::destroy() {
  backend_.reset();
}

c10d::Backend& C10dGroup::backend() const {
  if (!backend_) throw DistributedError("the process group was destroyed");
  return *backend_;
}

}  // namespace mcloss::distributed
