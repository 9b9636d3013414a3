#include "checkpoint.h"

#include <torch/csrc/autograd/graph_task.h>

#include <mutex>
#include <utility>

#include "random_state.h"

namespace mcloss::autograd {
namespace {

using torch::autograd::SavedVariableHooks;

// What the function is run again with. It shares memory with the input, but none of its history.
struct Input {
  explicit Input(const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    detached = tensor.detach();
    requires_grad = tensor.requires_grad();
    if (!detached.is_inference()) version = detached._version();
  }

  at::Tensor again() const {
    if (!detached.defined()) return {};
    TORCH_CHECK(detached.is_inference() || detached._version() == version, "checkpoint: an input of shape ",
                detached.sizes(), " was modified in place after the forward, which cannot be repeated");
    auto tensor = detached.detach();
    if (requires_grad) tensor.set_requires_grad(true);
    return tensor;
  }

  at::Tensor detached;
  bool requires_grad = false;
  int64_t version = 0;
};

// Collects what the operations of a repeated run save, in their order.
class RepeatedPass final : public CheckpointPass, public std::enable_shared_from_this<RepeatedPass> {
 public:
  explicit RepeatedPass(RandomState random_state) : random_state_(std::move(random_state)) {}

  std::unique_ptr<SavedVariableHooks> hooks() override;
  void begin() override { interrupted_ = random_state_.exchange(); }
  void end() override {
    if (interrupted_) interrupted_->exchange();
    interrupted_.reset();
    const std::lock_guard lock(mutex_);
    over_ = true;
  }

  void add(at::Tensor tensor) {
    const std::lock_guard lock(mutex_);
    saved_.push_back(std::move(tensor));
  }

  std::vector<at::Tensor> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(saved_, {});
  }

 private:
  RandomState random_state_;
  std::optional<RandomState> interrupted_;
  std::mutex mutex_;
  std::vector<at::Tensor> saved_;
  bool over_ = false;
};

class RepeatedHooks final : public SavedVariableHooks {
 public:
  explicit RepeatedHooks(std::shared_ptr<RepeatedPass> pass) : pass_(std::move(pass)) {}

  void call_pack_hook(const at::Tensor& tensor) override {
    saved_ = tensor.detach();
    pass_->add(saved_);
    pass_.reset();
  }
  at::Tensor call_unpack_hook() override { return saved_; }

 private:
  std::shared_ptr<RepeatedPass> pass_;
  at::Tensor saved_;
};

std::unique_ptr<SavedVariableHooks> RepeatedPass::hooks() {
  const std::lock_guard lock(mutex_);
  if (over_) return nullptr;
  return std::make_unique<RepeatedHooks>(shared_from_this());
}

struct Saved {
  at::ScalarType dtype;
  std::vector<int64_t> shape;
};

// Stands in for everything that a function would have saved.
class Checkpoint {
 public:
  Checkpoint(const std::vector<at::Tensor>& inputs, std::shared_ptr<const Callback> recompute)
      : inputs_(inputs.begin(), inputs.end()), random_state_(inputs), recompute_(std::move(recompute)) {}

  size_t note(const at::Tensor& tensor) {
    const std::lock_guard lock(mutex_);
    saved_.push_back({tensor.scalar_type(), tensor.sizes().vec()});
    return saved_.size() - 1;
  }

  // What note() was given at `index`, computed again once for each backward. Given away, so that memory is
  // free as soon as backward is past it.
  at::Tensor restore(size_t index) {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(!repeating_, "checkpoint: the function needs its own backward to be run again");
    const int task = torch::autograd::get_current_graph_task_id();
    if (task != task_ || !restored_[index].defined()) repeat(task);
    return std::exchange(restored_[index], {});
  }

 private:
  void repeat(int task) {
    task_ = -2;
    restored_.clear();
    const auto pass = std::make_shared<RepeatedPass>(random_state_);
    std::vector<at::Tensor> inputs;
    for (const auto& input : inputs_) inputs.push_back(input.again());
    repeating_ = true;
    try {
      recompute_->call({std::move(inputs), {}, pass});
    } catch (...) {
      repeating_ = false;
      throw;
    }
    repeating_ = false;
    restored_ = pass->take();
    check();
    task_ = task;
  }

  void check() const {
    constexpr auto kReason = "; the function must do the same operations whenever it is run";
    TORCH_CHECK(restored_.size() == saved_.size(), "checkpoint: the first forward saved ", saved_.size(),
                " tensors for backward, the second ", restored_.size(), kReason);
    for (size_t i = 0; i < saved_.size(); ++i) {
      const auto& tensor = restored_[i];
      TORCH_CHECK(tensor.scalar_type() == saved_[i].dtype && tensor.sizes() == saved_[i].shape,
                  "checkpoint: tensor ", i, " saved for backward was ", saved_[i].dtype, " of shape ",
                  at::IntArrayRef(saved_[i].shape), " in the first forward and ", tensor.scalar_type(),
                  " of shape ", tensor.sizes(), " in the second", kReason);
    }
  }

  std::vector<Input> inputs_;
  RandomState random_state_;
  std::shared_ptr<const Callback> recompute_;
  std::recursive_mutex mutex_;  // recursive, so that a function that asks for itself is told so
  std::vector<Saved> saved_;
  bool repeating_ = false;
  int task_ = -2;  // the backward pass that `restored_` is for; none has this number
  std::vector<at::Tensor> restored_;
};

class FirstHooks final : public SavedVariableHooks {
 public:
  explicit FirstHooks(std::shared_ptr<Checkpoint> checkpoint) : checkpoint_(std::move(checkpoint)) {}

  void call_pack_hook(const at::Tensor& tensor) override { index_ = checkpoint_->note(tensor); }
  at::Tensor call_unpack_hook() override { return checkpoint_->restore(index_); }

 private:
  std::shared_ptr<Checkpoint> checkpoint_;
  size_t index_ = 0;
};

class FirstPass final : public CheckpointPass {
 public:
  explicit FirstPass(std::shared_ptr<Checkpoint> checkpoint) : checkpoint_(std::move(checkpoint)) {}

  std::unique_ptr<SavedVariableHooks> hooks() override {
    const std::lock_guard lock(mutex_);
    return checkpoint_ ? std::make_unique<FirstHooks>(checkpoint_) : nullptr;
  }
  void begin() override {}
  void end() override {
    const std::lock_guard lock(mutex_);
    checkpoint_.reset();  // belongs to the graph alone now
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Checkpoint> checkpoint_;
};

}  // namespace

std::shared_ptr<CheckpointPass> start_checkpoint(const std::vector<at::Tensor>& inputs,
                                                 std::shared_ptr<const Callback> recompute) {
  return std::make_shared<FirstPass>(std::make_shared<Checkpoint>(inputs, std::move(recompute)));
}

}  // namespace mcloss::autograd
