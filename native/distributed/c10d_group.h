#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "process_group.h"

namespace mcloss::distributed {

// A group over one of LibTorch's backends.
class C10dGroup : public ProcessGroup {
 public:
  explicit C10dGroup(c10::intrusive_ptr<c10d::Backend> backend);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::unique_ptr<Work> start_all_reduce(const at::Tensor& tensor, Reduction reduction) override;
  void broadcast(const at::Tensor& tensor, int from) override;
  at::Tensor pass_on(const at::Tensor& tensor) override;
  void barrier() override;
  void destroy() override;

 private:
  c10d::Backend& backend() const;

  c10::intrusive_ptr<c10d::Backend> backend_;
  int rank_, size_;
};

}  // namespace mcloss::distributed
