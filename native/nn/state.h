#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace mcloss::nn {

struct NamedTensor {
  std::string name;  // torchvision's dotted name
  at::Tensor tensor;
  bool trainable;  // a parameter; otherwise a buffer
  bool frozen = false;
};

// Where and how a model's tensors are kept; what is left out stays as it is.
struct Placement {
  std::optional<c10::Device> device = {};
  std::optional<at::ScalarType> dtype = {};            // of floating-point tensors
  std::optional<at::MemoryFormat> kernel_format = {};  // of tensors with four dimensions
};

// The parameters and buffers of a model, in the order of its layers.
class State {
 public:
  // The entries stay where they are, so that layers can look at them.
  const NamedTensor& add_parameter(const std::string& name, at::Tensor value);
  const NamedTensor& add_buffer(const std::string& name, at::Tensor value);
  const NamedTensor& add(NamedTensor entry);

  const std::deque<NamedTensor>& entries() const { return entries_; }
  // The dtype of the first parameter.
  std::optional<at::ScalarType> dtype() const;
  // Converts every entry in place, so that layers and optimizers keep their handles.
  void convert(const Placement& placement);
  // Puts the buffers side by side in memory: after the last was added.
  void lay_buffers_flat();
  // What holds all the buffers' elements, and zeros between: few tensors, so that few calls work on all.
  const std::vector<at::Tensor>& buffer_blocks() const { return buffer_blocks_; }
  // Takes over the buffers of a state with the same entries.
  void copy_buffers(const State& other);
  // Frozen parameters get no gradient, and frozen statistics stay as they are.
  void set_frozen(const std::vector<size_t>& positions, bool frozen);

 private:
  std::deque<NamedTensor> entries_;
  std::vector<at::Tensor> buffer_blocks_;
  std::unordered_set<std::string> names_;
};

}  // namespace mcloss::nn
