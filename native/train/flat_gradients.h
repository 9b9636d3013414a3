#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mcloss::train {

// The gradients of parameters side by side in memory, in the parameters' order, so that one call clears,
// scales or measures all of them.
class FlatGradients {
 public:
  // Makes backward begin at zeros here. Gradients that somebody still looks at keep their values: then the
  // memory is another than before.
  void begin(const std::vector<at::Tensor>& parameters);
  // Makes backward add to what is here.
  void go_on();
  // After backward: a parameter that it did not reach has no gradient.
  void drop_unreached();
  // Lets go of the memory.
  void release();

  // Whether there are no gradients of `parameters` but those here.
  bool are_all_of(const std::vector<at::Tensor>& parameters) const;
  // All elements, and zeros between.
  const std::vector<at::Tensor>& blocks() const { return blocks_; }

 private:
  struct Slot {
    at::Tensor parameter;
    at::Tensor gradient;
    int64_t version;  // that the gradient had when it was zeros

    bool is_attached() const { return parameter.grad().is_same(gradient); }
    bool is_zero() const { return gradient._version() == version; }
    bool fits(const at::Tensor& other) const;
    void attach();
  };

  bool fits(const std::vector<at::Tensor>& parameters) const;
  bool is_looked_at() const;
  void allocate(const std::vector<at::Tensor>& parameters);

  std::vector<at::Tensor> blocks_;
  std::vector<Slot> slots_;
};

}  // namespace mcloss::train
