#include "graph.h"

#include <unordered_set>

namespace mcloss::autograd {

std::vector<NodePointer> collect_nodes(const std::vector<at::Tensor>& tensors,
                                       const std::function<bool(torch::autograd::Node&)>& enter) {
  std::vector<NodePointer> found;
  std::vector<NodePointer> open;
  std::unordered_set<torch::autograd::Node*> seen;
  for (const auto& tensor : tensors) {
    if (tensor.defined()) open.push_back(torch::autograd::impl::gradient_edge(tensor).function);
  }
  while (!open.empty()) {
    const NodePointer node = std::move(open.back());
    open.pop_back();
    if (!node || !seen.insert(node.get()).second || !enter(*node)) continue;
    for (const auto& edge : node->next_edges()) open.push_back(edge.function);
    found.push_back(node);
  }
  return found;
}

}  // namespace mcloss::autograd
