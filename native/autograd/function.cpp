#include "function.h"

#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <algorithm>

#include "graph.h"

namespace mcloss::autograd {
namespace {

using torch::autograd::variable_list;

class FunctionNode final : public torch::autograd::Node {
 public:
  explicit FunctionNode(const FunctionCall& call) : name_(call.name), backward_(call.backward) {
    for (const auto& input : call.inputs) {
      add_next_edge(input.defined() ? torch::autograd::impl::gradient_edge(input) : torch::autograd::Edge());
    }
  }

  void add_output(const at::Tensor& output, const NodePointer& self, bool differentiable) {
    outputs_.push_back({output.sizes().vec(), output.options()});
    if (differentiable) return torch::autograd::set_history(output, self);
    add_input_metadata(Node::undefined_input{});  // keeps the outputs' numbers
  }

  // An output is saved as one: its own history is this node, which must not keep itself alive.
  void save(const at::Tensor& tensor, bool is_output) { saved_.emplace_back(tensor, is_output); }

  std::string name() const override { return name_ + "Backward"; }

  void release_variables() override {
    released_ = !saved_.empty();
    saved_.clear();
  }

 protected:
  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK(!released_, torch::autograd::ERR_BACKWARD_TWICE);
    CallbackArguments arguments;
    for (size_t i = 0; i < gradients.size(); ++i) {
      const auto& [shape, options] = outputs_[i];
      arguments.tensors.push_back(gradients[i].defined() ? gradients[i] : at::zeros(shape, options));
    }
    const auto self = getptr();
    for (const auto& saved : saved_) arguments.tensors.push_back(saved.unpack(self));
    for (size_t i = 0; i < num_outputs(); ++i) arguments.flags.push_back(task_should_compute_output(i));
    auto results = backward_->call(std::move(arguments));
    TORCH_CHECK_VALUE(results.size() == num_outputs(), name_, ": backward must return ", num_outputs(),
                      " gradients, one for each input of forward, got ", results.size());
    return results;
  }

 private:
  std::string name_;
  std::shared_ptr<const Callback> backward_;
  std::vector<std::pair<std::vector<int64_t>, at::TensorOptions>> outputs_;
  std::vector<torch::autograd::SavedVariable> saved_;
  bool released_ = false;
};

bool contains(const std::vector<at::Tensor>& tensors, const at::Tensor& tensor) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const at::Tensor& other) { return other.is_same(tensor); });
}

// A tensor whose history can be set without changing that of another.
at::Tensor own(const at::Tensor& output, const FunctionCall& call) {
  const bool shared = contains(call.inputs, output) || output.is_view() || output.requires_grad();
  return shared ? output.detach() : output;
}

}  // namespace

std::vector<at::Tensor> apply_function(const FunctionCall& call) {
  const auto node = make_node<FunctionNode>(call);
  auto& function = static_cast<FunctionNode&>(*node);
  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    auto output = own(call.outputs[i], call);
    const bool has_gradient = torch::autograd::isDifferentiableType(output.scalar_type());
    function.add_output(output, node, call.differentiable[i] && has_gradient);
    outputs.push_back(std::move(output));
  }
  for (const auto& tensor : call.saved) {
    const auto found = std::find_if(call.outputs.begin(), call.outputs.end(), [&](const at::Tensor& output) {
      return tensor.defined() && output.is_same(tensor);
    });
    const bool is_output = found != call.outputs.end();
    function.save(is_output ? outputs[static_cast<size_t>(found - call.outputs.begin())] : tensor, is_output);
  }
  return outputs;
}

}  // namespace mcloss::autograd
