#include "anomaly.h"

#include <ATen/ops/isnan.h>
#include <torch/csrc/autograd/function_hook.h>

#include <algorithm>
#include <atomic>

#include "graph.h"

namespace mcloss::autograd {
namespace {

using torch::autograd::FunctionPostHook;
using torch::autograd::FunctionPreHook;
using torch::autograd::Node;
using torch::autograd::variable_list;

// Rides on a node as a hook that changes nothing: LibTorch's own place for such data is one per process.
class ForwardRecord final : public FunctionPreHook {
 public:
  explicit ForwardRecord(std::shared_ptr<const ForwardCall> call) : call_(std::move(call)) {}
  variable_list operator()(const variable_list& gradients) override { return gradients; }
  const std::shared_ptr<const ForwardCall>& call() const { return call_; }

 private:
  std::shared_ptr<const ForwardCall> call_;
};

std::shared_ptr<const ForwardCall> forward_of(Node& node) {
  for (const auto& hook : node.pre_hooks()) {
    if (const auto* record = dynamic_cast<ForwardRecord*>(hook.get())) return record->call();
  }
  return nullptr;
}

bool has_nan(const at::Tensor& tensor) {
  const bool can = tensor.defined() && (tensor.is_floating_point() || tensor.is_complex());
  return can && at::isnan(tensor).any().item<bool>();
}

template <class Hook>
void remove_hook(std::vector<std::unique_ptr<Hook>>& hooks, const Hook* hook) {
  std::erase_if(hooks, [hook](const std::unique_ptr<Hook>& each) { return each.get() == hook; });
}

void add_tensors(const c10::IValue& value, std::vector<at::Tensor>& tensors) {
  if (value.isTensor()) tensors.push_back(value.toTensor());
  if (!value.isList()) return;
  for (const c10::IValue& element : value.toListRef()) add_tensors(element, tensors);
}

}  // namespace

std::vector<at::Tensor> tensors_of(const torch::jit::Stack& stack) {
  std::vector<at::Tensor> tensors;
  for (const auto& value : stack) add_tensors(value, tensors);
  return tensors;
}

ForwardTrace::ForwardTrace(const std::vector<at::Tensor>& inputs) {
  for (const auto& input : inputs) {
    if (input.defined() && input.grad_fn()) before_.insert(input.grad_fn().get());
  }
}

void ForwardTrace::record(const std::vector<at::Tensor>& outputs, const ForwardCall& call) const {
  const auto shared = std::make_shared<const ForwardCall>(call);
  std::vector<at::Tensor> made;
  std::copy_if(outputs.begin(), outputs.end(), std::back_inserter(made),
               [](const at::Tensor& output) { return output.defined() && output.grad_fn() != nullptr; });
  const auto nodes = collect_nodes(made, [this](Node& node) {
    // A leaf's node is nobody's work.
    return before_.count(&node) == 0 && !node.next_edges().empty() && !forward_of(node);
  });
  for (const auto& node : nodes) node->add_pre_hook(std::make_unique<ForwardRecord>(shared));
}

AnomalyError::AnomalyError(bool is_nan, const std::string& message, const std::string& node,
                           std::shared_ptr<const ForwardCall> forward)
    : is_nan_(is_nan),
      message_("backward of " + (forward ? forward->operation + " (" + node + ")" : node) + ": " + message),
      forward_(std::move(forward)) {}

struct AnomalyWatch::Watched {
  NodePointer node;
  const FunctionPreHook* before = nullptr;
  const FunctionPostHook* after = nullptr;

  AnomalyError error(bool is_nan, const std::string& message) const {
    return {is_nan, message, node->name(), forward_of(*node)};
  }

  class Before;
  class After;
};

class AnomalyWatch::Watched::Before final : public FunctionPreHook {
 public:
  Before(const Watched& watched, std::atomic<const Watched*>& running)
      : watched_(watched), running_(running) {}
  variable_list operator()(const variable_list& gradients) override {
    running_ = &watched_;
    return gradients;
  }

 private:
  const Watched& watched_;
  std::atomic<const Watched*>& running_;
};

class AnomalyWatch::Watched::After final : public FunctionPostHook {
 public:
  After(const Watched& watched, std::atomic<const Watched*>& running)
      : watched_(watched), running_(running) {}
  variable_list operator()(const variable_list& results, const variable_list&) override {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < results.size(); ++i) {
      if (has_nan(results[i])) throw watched_.error(true, "gradient " + std::to_string(i) + " is NaN");
    }
    running_ = nullptr;
    return results;
  }

 private:
  const Watched& watched_;
  std::atomic<const Watched*>& running_;
};

AnomalyWatch::AnomalyWatch(const std::vector<at::Tensor>& outputs)
    : running_(std::make_unique<std::atomic<const Watched*>>(nullptr)) {
  for (auto& node : collect_nodes(outputs, [](Node&) { return true; })) {
    auto watched = std::make_unique<Watched>();
    auto before = std::make_unique<Watched::Before>(*watched, *running_);
    auto after = std::make_unique<Watched::After>(*watched, *running_);
    watched->node = std::move(node);
    watched->before = before.get();
    watched->after = after.get();
    watched->node->add_pre_hook(std::move(before));
    watched->node->add_post_hook(std::move(after));
    watched_.push_back(std::move(watched));
  }
}

AnomalyWatch::~AnomalyWatch() {
  for (const auto& watched : watched_) {
    remove_hook(watched->node->pre_hooks(), watched->before);
    remove_hook(watched->node->post_hooks(), watched->after);
  }
}

std::exception_ptr AnomalyWatch::explain(std::exception_ptr exception) const {
  const Watched* running = *running_;
  if (!running) return exception;
  try {
    std::rethrow_exception(exception);
  } catch (const c10::Error& error) {
    return std::make_exception_ptr(running->error(false, error.what_without_backtrace()));
  } catch (...) {
    return exception;
  }
}

}  // namespace mcloss::autograd
