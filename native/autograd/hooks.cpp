#include "hooks.h"

#include <torch/csrc/autograd/variable.h>

#include <vector>

namespace mcloss::autograd {
namespace {

class PostAccumulateHooks final : public torch::autograd::PostAccumulateGradHook {
 public:
  void add(std::shared_ptr<const Callback> hook) { hooks_.push_back(std::move(hook)); }

  void operator()(const torch::autograd::Variable& tensor) override {
    for (const auto& hook : hooks_) hook->call({{tensor}, {}, nullptr});
  }

 private:
  std::vector<std::shared_ptr<const Callback>> hooks_;
};

}  // namespace

void register_hook(const at::Tensor& tensor, std::shared_ptr<const Callback> hook) {
  tensor.register_hook([hook = std::move(hook)](const at::Tensor& gradient) -> at::Tensor {
    const auto results = hook->call({{gradient}, {}, nullptr});
    return results.empty() ? at::Tensor() : results.front();
  });
}

void register_post_accumulate_hook(const at::Tensor& tensor, std::shared_ptr<const Callback> hook) {
  TORCH_CHECK_VALUE(tensor.is_leaf() && tensor.requires_grad(),
                    "a hook after accumulation needs a leaf tensor that requires a gradient");
  auto& registered = torch::autograd::impl::post_acc_grad_hooks(tensor);
  if (!registered) {
    torch::autograd::impl::set_post_acc_grad_hooks(tensor, std::make_unique<PostAccumulateHooks>());
  }
  // Nobody else registers such hooks in this process.
  static_cast<PostAccumulateHooks&>(*torch::autograd::impl::post_acc_grad_hooks(tensor)).add(std::move(hook));
}

}  // namespace mcloss::autograd
