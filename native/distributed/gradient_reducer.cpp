#include "gradient_reducer.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <mutex>
#include <utility>

#include "../memory/flat_tensors.h"
#include "distributed_error.h"
#include "gradient_buckets.h"

namespace mcloss::distributed {
namespace {

using torch::autograd::variable_list;

// Gradients that are sent together.
struct Bucket {
  std::vector<size_t> members;   // of the parameters
  bool is_alone = false;         // one gradient, sent from where it is
  at::Tensor block;              // side by side in memory: the members' sums, in the last bucket `used` too
  std::vector<at::Tensor> sums;  // in the block, each laid out as its parameter; alone: the gradient
  at::Tensor sent;               // the block or the gradient, flat, or its copy in bfloat16
  size_t missing = 0;            // members whose gradient did not come yet
  std::unique_ptr<Work> work;
};

// Hooks that are called when a parameter's gradient is complete.
class GradientHooks {
 public:
  GradientHooks() = default;
  ~GradientHooks() {
    for (const auto& [node, key] : hooks_) node->del_post_hook(key);
  }
  GradientHooks(const GradientHooks&) = delete;
  GradientHooks& operator=(const GradientHooks&) = delete;

  template <class Call>
  void add(const at::Tensor& parameter, Call call) {
    // Kept here: the parameter holds it weakly.
    auto node = torch::autograd::impl::grad_accumulator(parameter);
    const auto key = node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [call = std::move(call)](const variable_list& outputs, const variable_list&) {
          call();
          return outputs;
        }));
    hooks_.emplace_back(std::move(node), key);
  }

 private:
  // By release of LibTorch a shared or an intrusive pointer.
  using Accumulator = decltype(torch::autograd::impl::grad_accumulator(std::declval<at::Tensor>()));

  std::vector<std::pair<Accumulator, uintptr_t>> hooks_;
};

class BucketReducer final : public GradientReducer {
 public:
  // `share` is what gradients are multiplied by before they are added; 1: they are added in their own memory.
  BucketReducer(std::shared_ptr<ProcessGroup> group, std::vector<at::Tensor> parameters,
                const ReducerOptions& options, double share = 1)
      : group_(std::move(group)), parameters_(std::move(parameters)), options_(options), share_(share) {}

  const std::shared_ptr<ProcessGroup>& group() const override { return group_; }

  void begin() override {
    const std::lock_guard lock(mutex_);
    const at::NoGradGuard no_grad;
    std::vector<bool> trained;
    for (const auto& parameter : parameters_) trained.push_back(parameter.requires_grad());
    if (trained != trained_) rebuild(std::move(trained));
    for (auto& bucket : buckets_) {
      if (!bucket.is_alone && is_looked_at(bucket)) allocate(bucket);
      bucket.missing = bucket.members.size();
    }
    ready_.assign(parameters_.size(), false);
    lacking_.clear();
    next_ = 0;
    armed_ = true;
  }

  void finish() override {
    const std::lock_guard lock(mutex_);
    const at::NoGradGuard no_grad;
    armed_ = false;
    for (auto& bucket : buckets_) {
      for (const size_t member : bucket.members) {
        if (!ready_[member]) put(member);
      }
    }
    try {
      send_full();
      for (auto& bucket : buckets_) receive(bucket);
    } catch (...) {
      drop_works();
      throw;
    }
    drop_unused();
  }

  void cancel() override {
    const std::lock_guard lock(mutex_);
    armed_ = false;
    drop_works();
  }

 private:
  struct Home {
    size_t bucket = 0;
    size_t place = 0;
  };

  void rebuild(std::vector<bool> trained) {
    trained_ = std::move(trained);
    hooks_ = std::make_unique<GradientHooks>();
    buckets_.clear();
    homes_.assign(parameters_.size(), {});
    for (auto& plan : plan_buckets(parameters_, options_.first_bucket_bytes, options_.bucket_bytes)) {
      for (size_t place = 0; place < plan.members.size(); ++place) {
        const size_t i = plan.members[place];
        homes_[i] = {buckets_.size(), place};
        hooks_->add(parameters_[i], [this, i] { note(i); });
      }
      auto& bucket = buckets_.emplace_back();
      bucket.members = std::move(plan.members);
      bucket.is_alone = plan.is_alone;
    }
    // The last is sent after all gradients, and says whose there were.
    if (!buckets_.empty() && buckets_.back().is_alone) buckets_.emplace_back();
    for (auto& bucket : buckets_) {
      if (!bucket.is_alone) allocate(bucket);
    }
  }

  void allocate(Bucket& bucket) {
    std::vector<at::Tensor> like;
    for (const size_t member : bucket.members) like.push_back(parameters_[member].detach());
    const auto any = bucket.members.empty() ? buckets_.front().members.at(0) : bucket.members[0];
    const auto options = parameters_[any].options().requires_grad(false);
    const bool is_last = &bucket == &buckets_.back();
    if (is_last) like.push_back(at::empty({static_cast<int64_t>(parameters_.size())}, options));
    auto flat = flat_zeros_like(like);
    bucket.block = flat.blocks.at(0);
    if (is_last) {
      used_ = std::move(flat.tensors.back());
      flat.tensors.pop_back();
    }
    bucket.sums = std::move(flat.tensors);
    bucket.sent =
        options_.compress ? at::empty(bucket.block.sizes(), options.dtype(at::kBFloat16)) : bucket.block;
  }

  // Whether somebody holds gradients of the update before, beside the parameters.
  bool is_looked_at(const Bucket& bucket) const {
    for (size_t i = 0; i < bucket.sums.size(); ++i) {
      const auto& gradient = parameters_[bucket.members[i]].grad();
      const size_t holders = gradient.defined() && gradient.is_same(bucket.sums[i]) ? 2 : 1;
      if (bucket.sums[i].use_count() > holders) return true;
    }
    const bool is_last = &bucket == &buckets_.back();
    const size_t holders = bucket.sums.size() + (is_last ? 2 : 1);  // the block, and `used_`
    return bucket.block.storage().use_count() > holders;
  }

  // That the gradient of a parameter is complete; on one of the engine's threads.
  void note(size_t index) {
    const std::lock_guard lock(mutex_);
    if (!armed_) return;
    if (ready_[index])
      throw DistributedError(
          "a parameter got a gradient twice in one backward, as with checkpoints within it, which cannot be "
          "summed over processes");
    const at::NoGradGuard no_grad;
    put(index);
    send_full();
  }

  // Puts a parameter's gradient into its bucket.
  void put(size_t index) {
    ready_[index] = true;
    const auto [number, place] = homes_[index];
    auto& bucket = buckets_[number];
    if (!parameters_[index].grad().defined()) lacking_.push_back(index);
    if (bucket.is_alone) {
      put_alone(bucket, parameters_[index]);
    } else {
      copy_gradient(parameters_[index], bucket.sums[place]);
    }
    --bucket.missing;
  }

  void put_alone(Bucket& bucket, const at::Tensor& parameter) const {
    auto sum = parameter.grad();
    // All processes' elements must be in the parameter's order.
    if (!sum.defined() || sum.strides() != parameter.strides() || share_ != 1) {
      sum = at::empty_like(parameter.detach());
      copy_gradient(parameter, sum);
    }
    const auto flat = flat_view(sum.detach());
    bucket.sent = options_.compress ? flat.to(at::kBFloat16) : flat;
    bucket.sums = {std::move(sum)};
  }

  void copy_gradient(const at::Tensor& parameter, at::Tensor& to) const {
    const auto& gradient = parameter.grad();
    if (!gradient.defined()) {
      to.zero_();
    } else if (share_ == 1) {
      to.copy_(gradient);
    } else {
      // A number for tensors of every type and device.
      at::mul_out(to, gradient, at::native::wrapped_scalar_tensor(share_));
    }
  }

  // In the order of the buckets, which all processes share.
  void send_full() {
    for (; next_ < buckets_.size() && buckets_[next_].missing == 0; ++next_) {
      auto& bucket = buckets_[next_];
      if (&bucket == &buckets_.back()) tell_used();
      if (options_.compress && !bucket.is_alone) bucket.sent.copy_(bucket.block);
      bucket.work = group_->start_all_reduce(bucket.sent, Reduction::kSum);
    }
  }

  void tell_used() {
    used_.fill_(1);
    for (const size_t index : lacking_) used_[static_cast<int64_t>(index)].zero_();
  }

  void receive(Bucket& bucket) {
    bucket.work->wait();
    bucket.work.reset();
    if (options_.compress) {
      if (bucket.is_alone) {
        flat_view(bucket.sums[0].detach()).copy_(bucket.sent);
      } else {
        bucket.block.copy_(bucket.sent);
      }
    }
    for (size_t i = 0; i < bucket.members.size(); ++i)
      parameters_[bucket.members[i]].mutable_grad() = bucket.sums[i];
    if (bucket.is_alone) let_go(bucket);
  }

  // What this process has a gradient of, so has the group.
  void drop_unused() {
    if (lacking_.empty()) return;
    const auto used = used_.to(at::kCPU, at::kFloat);
    for (const size_t index : lacking_) {
      if (used[static_cast<int64_t>(index)].item<float>() == 0) parameters_[index].mutable_grad().reset();
    }
  }

  // One that is kept keeps the connections too, for whose end the other processes wait.
  void drop_works() {
    for (auto& bucket : buckets_) {
      bucket.work.reset();
      if (bucket.is_alone) let_go(bucket);
    }
  }

  // The parameter alone has its gradient.
  static void let_go(Bucket& bucket) {
    bucket.sums.clear();
    bucket.sent.reset();
  }

  std::shared_ptr<ProcessGroup> group_;
  std::vector<at::Tensor> parameters_;
  ReducerOptions options_;
  double share_;
  std::mutex mutex_;
  std::vector<bool> trained_;  // as the buckets were made
  std::vector<bool> ready_;
  std::vector<size_t> lacking_;  // parameters that have no gradient in this process
  std::vector<Home> homes_;
  std::vector<Bucket> buckets_;
  at::Tensor used_;  // in the last bucket: of each parameter, in how many processes it has a gradient
  std::unique_ptr<GradientHooks> hooks_;
  size_t next_ = 0;  // the first bucket that was not sent
  bool armed_ = false;
};

}  // namespace

std::shared_ptr<GradientReducer> make_reducer(std::shared_ptr<ProcessGroup> group,
                                              std::vector<at::Tensor> parameters,
                                              const ReducerOptions& options) {
  return std::make_shared<BucketReducer>(std::move(group), std::move(parameters), options);
}

void average_gradients(const std::shared_ptr<ProcessGroup>& group, const std::vector<at::Tensor>& parameters,
                       const ReducerOptions& options) {
  // Divided before they are added: in half precision sums could overflow.
  BucketReducer reducer(group, parameters, options, 1.0 / group->size());
  reducer.begin();
  reducer.finish();
}

}  // namespace mcloss::distributed
