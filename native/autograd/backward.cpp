#include "backward.h"

#include <torch/csrc/autograd/autograd.h>

#include "anomaly.h"
#include "mode.h"

namespace mcloss::autograd {
namespace {

template <class Work>
auto watched(const std::vector<at::Tensor>& outputs, Work work) {
  if (!current_mode().anomaly) return work();
  const AnomalyWatch watch(outputs);
  try {
    return work();
  } catch (...) {
    std::rethrow_exception(watch.explain(std::current_exception()));
  }
}

}  // namespace

void backward(const std::vector<at::Tensor>& outputs, const BackwardOptions& options,
              const std::vector<at::Tensor>& inputs) {
  watched(outputs, [&] {
    torch::autograd::backward(outputs, options.gradients, options.retain_graph, options.create_graph, inputs);
  });
}

std::vector<at::Tensor> grad(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                             const BackwardOptions& options) {
  return watched(outputs, [&] {
    return torch::autograd::grad(outputs, inputs, options.gradients, options.retain_graph,
                                 options.create_graph, /*allow_unused=*/true);
  });
}

}  // namespace mcloss::autograd
