#include "gradient_reducer.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "../memory/flat_tensors.h"
#include "distributed_error.h"

namespace mcloss::distributed {
namespace {

using torch::autograd::variable_list;

// The gradients of some parameters side by side in memory, which are sent together.
struct Bucket {
  std::vector<size_t> members;    // of the parameters
  at::Tensor block;               // with the means
  std::vector<at::Tensor> means;  // in the block, each laid out as its parameter
  at::Tensor used;                // in the block: of each member, whether a process has a gradient of it
  at::Tensor sent;                // the block, or its copy in bfloat16
  size_t missing = 0;             // members whose gradient did not come yet
  bool incomplete = false;        // some had none in this process
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

bool are_alike(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.device() == b.device();
}

class BucketReducer final : public GradientReducer {
 public:
  BucketReducer(std::shared_ptr<ProcessGroup> group, std::vector<at::Tensor> parameters,
                const ReducerOptions& options)
      : group_(std::move(group)), parameters_(std::move(parameters)), options_(options) {}

  const std::shared_ptr<ProcessGroup>& group() const override { return group_; }

  void begin() override {
    const std::lock_guard lock(mutex_);
    const at::NoGradGuard no_grad;
    std::vector<bool> trained;
    for (const auto& parameter : parameters_) trained.push_back(parameter.requires_grad());
    if (trained != trained_) rebuild(std::move(trained));
    for (auto& bucket : buckets_) {
      if (is_looked_at(bucket)) allocate(bucket);
      bucket.missing = bucket.members.size();
      bucket.incomplete = false;
    }
    ready_.assign(parameters_.size(), false);
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
    send_full();
    for (auto& bucket : buckets_) receive(bucket);
  }

  void cancel() override {
    const std::lock_guard lock(mutex_);
    armed_ = false;
    for (auto& bucket : buckets_) bucket.work.reset();
  }

 private:
  struct Home {
    size_t bucket = 0;
    size_t place = 0;
  };

  // The same in every step and after a resume, so that sums round alike.
  void rebuild(std::vector<bool> trained) {
    trained_ = std::move(trained);
    hooks_ = std::make_unique<GradientHooks>();
    buckets_.clear();
    homes_.assign(parameters_.size(), {});
    // Backward goes about the other way than forward.
    int64_t bytes = 0;
    for (size_t i = parameters_.size(); i-- > 0;) {
      if (!trained_[i]) continue;
      const auto& parameter = parameters_[i];
      const int64_t limit = buckets_.size() == 1 ? options_.first_bucket_bytes : options_.bucket_bytes;
      if (buckets_.empty() || bytes >= limit ||
          !are_alike(parameters_[buckets_.back().members[0]], parameter)) {
        buckets_.emplace_back();
        bytes = 0;
      }
      auto& members = buckets_.back().members;
      homes_[i] = {buckets_.size() - 1, members.size()};
      members.push_back(i);
      bytes += static_cast<int64_t>(parameter.nbytes());
      hooks_->add(parameter, [this, i] { note(i); });
    }
    for (auto& bucket : buckets_) allocate(bucket);
  }

  void allocate(Bucket& bucket) const {
    std::vector<at::Tensor> like;
    for (const size_t member : bucket.members) like.push_back(parameters_[member].detach());
    const auto options = like[0].options();
    like.push_back(at::empty({static_cast<int64_t>(like.size())}, options));
    auto flat = flat_zeros_like(like);
    bucket.block = flat.blocks.at(0);
    bucket.used = std::move(flat.tensors.back());
    flat.tensors.pop_back();
    bucket.means = std::move(flat.tensors);
    bucket.sent =
        options_.compress ? at::empty(bucket.block.sizes(), options.dtype(at::kBFloat16)) : bucket.block;
  }

  // Whether somebody holds gradients of the update before, beside the parameters.
  bool is_looked_at(const Bucket& bucket) const {
    for (size_t i = 0; i < bucket.means.size(); ++i) {
      const auto& gradient = parameters_[bucket.members[i]].grad();
      const size_t holders = gradient.defined() && gradient.is_same(bucket.means[i]) ? 2 : 1;
      if (bucket.means[i].use_count() > holders) return true;
    }
    const size_t holders = bucket.means.size() + 2;  // the block, and `used`
    return bucket.block.storage().use_count() > holders;
  }

  // That the gradient of a parameter is complete; on one of the engine's threads.
  void note(size_t index) {
    const std::lock_guard lock(mutex_);
    if (!armed_) return;
    if (ready_[index])
      throw DistributedError(
          "a parameter got a gradient twice in one backward, as with checkpoints within it, which cannot be "
          "averaged over processes");
    const at::NoGradGuard no_grad;
    put(index);
    send_full();
  }

  // Puts a parameter's gradient into its bucket.
  void put(size_t index) {
    ready_[index] = true;
    const auto [number, place] = homes_[index];
    auto& bucket = buckets_[number];
    auto& mean = bucket.means[place];
    const auto& gradient = parameters_[index].grad();
    auto used = bucket.used.narrow(0, static_cast<int64_t>(place), 1);
    if (gradient.defined()) {
      // Divided before it is added: in half precision sums could overflow.
      at::mul_out(mean, gradient, share_);
      used.fill_(1);
    } else {
      mean.zero_();
      used.zero_();
      bucket.incomplete = true;
    }
    --bucket.missing;
  }

  // In the order of the buckets, which all processes share.
  void send_full() {
    for (; next_ < buckets_.size() && buckets_[next_].missing == 0; ++next_) {
      auto& bucket = buckets_[next_];
      if (options_.compress) bucket.sent.copy_(bucket.block);
      bucket.work = group_->start_all_reduce(bucket.sent, Reduction::kSum);
    }
  }

  void receive(Bucket& bucket) {
    bucket.work->wait();
    bucket.work.reset();
    if (options_.compress) bucket.block.copy_(bucket.sent);
    // Where this process has them all, so has the group.
    const auto used = bucket.incomplete ? bucket.used.to(at::kCPU, at::kFloat) : at::Tensor();
    for (size_t i = 0; i < bucket.members.size(); ++i) {
      auto& gradient = parameters_[bucket.members[i]].mutable_grad();
      if (used.defined() && used[static_cast<int64_t>(i)].item<float>() == 0) {
        gradient.reset();
      } else {
        gradient = bucket.means[i];
      }
    }
  }

  std::shared_ptr<ProcessGroup> group_;
  std::vector<at::Tensor> parameters_;
  ReducerOptions options_;
  // A number for tensors of every type and device.
  const at::Tensor share_ = at::native::wrapped_scalar_tensor(1.0 / group_->size());
  std::mutex mutex_;
  std::vector<bool> trained_;  // as the buckets were made
  std::vector<bool> ready_;
  std::vector<Home> homes_;
  std::vector<Bucket> buckets_;
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
  BucketReducer reducer(group, parameters, options);
  reducer.begin();
  reducer.finish();
}

}  // namespace mcloss::distributed
