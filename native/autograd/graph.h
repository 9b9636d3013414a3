#pragma once

#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/node.h>
#include <torch/csrc/autograd/variable.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace mcloss::autograd {

// What LibTorch counts its nodes with: std::shared_ptr in some versions, c10::intrusive_ptr in others.
using NodePointer = decltype(torch::autograd::Edge::function);

template <class T, class Pointer = NodePointer, class... Arguments>
Pointer make_node(Arguments&&... arguments) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<torch::autograd::Node>>) {
    return std::make_shared<T>(std::forward<Arguments>(arguments)...);
  } else {
    return Pointer(c10::make_intrusive<T>(std::forward<Arguments>(arguments)...));
  }
}

// The nodes that made `tensors` and, before them, those that made what they were made of; `enter` says
// whether to take a node and go on beyond it. Each is asked about once.
std::vector<NodePointer> collect_nodes(const std::vector<at::Tensor>& tensors,
                                       const std::function<bool(torch::autograd::Node&)>& enter);

}  // namespace mcloss::autograd
