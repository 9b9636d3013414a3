#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace mcloss::autograd {

// The operation that made a node of the graph, and the program's stack when it did.
struct ForwardCall {
  std::string operation;
  std::string stack;
};

// Notes, for the nodes that an operation makes, what made them.
class ForwardTrace {
 public:
  // Before the operation.
  explicit ForwardTrace(const std::vector<at::Tensor>& inputs);
  // After it.
  void record(const std::vector<at::Tensor>& outputs, const ForwardCall& call) const;

 private:
  std::unordered_set<const void*> before_;  // nodes
};

// The tensors on an operator's stack, those in lists too.
std::vector<at::Tensor> tensors_of(const torch::jit::Stack& stack);

// An error of backward, with the forward that it belongs to.
class AnomalyError : public std::exception {
 public:
  AnomalyError(bool is_nan, const std::string& message, const std::string& node,
               std::shared_ptr<const ForwardCall> forward);
  const char* what() const noexcept override { return message_.c_str(); }
  // Whether a gradient is NaN; otherwise the node itself failed.
  bool is_nan() const { return is_nan_; }
  // Null where the forward was not traced.
  const std::shared_ptr<const ForwardCall>& forward() const { return forward_; }

 private:
  bool is_nan_;
  std::string message_;
  std::shared_ptr<const ForwardCall> forward_;
};

// While it lives, a NaN in a gradient computed by the graph behind `outputs` is an AnomalyError.
class AnomalyWatch {
 public:
  explicit AnomalyWatch(const std::vector<at::Tensor>& outputs);
  ~AnomalyWatch();
  AnomalyWatch(const AnomalyWatch&) = delete;
  AnomalyWatch& operator=(const AnomalyWatch&) = delete;

  // The exception that ended backward, as an AnomalyError where a node raised it.
  std::exception_ptr explain(std::exception_ptr exception) const;

 private:
  struct Watched;
  std::vector<std::unique_ptr<Watched>> watched_;
  std::unique_ptr<std::atomic<const Watched*>> running_;
};

}  // namespace mcloss::autograd
