#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flat_gradients.h"

namespace mcloss::train {

// One tensor that an optimizer keeps for one parameter, such as Adam's "exp_avg".
struct OptimizerState {
  size_t group;
  size_t parameter;
  std::string name;
  at::Tensor tensor;
};

// A number, or a float32 scalar on the parameters' device, which a captured step reads anew at each replay.
using LearningRate = std::variant<double, at::Tensor>;

// What all optimizers do alike: groups of parameters, their gradients, and state by parameter. The state is
// there, as zeros, from the beginning, so that a checkpoint can be read into it.
class Optimizer {
 public:
  virtual ~Optimizer();

  void set_learning_rate(size_t group, LearningRate learning_rate);
  // Updates the parameters that have a gradient, all of them or, where `found_inf` (a float32 scalar) is 1,
  // none.
  void step(const std::optional<at::Tensor>& found_inf = std::nullopt);
  void zero_grad();
  // Runs `backward`, which adds to the gradients that there are or, where `afresh`, to zeros, all side by
  // side in memory.
  void accumulate(bool afresh, const std::function<void()>& backward);

  std::vector<at::Tensor> parameters() const;
  // What holds the gradients' elements, each of them once, and zeros: few blocks of memory, if accumulate()
  // made them all.
  std::vector<at::Tensor> gradients() const;
  std::vector<OptimizerState> state() const;

 protected:
  // The part of a group that has gradients, laid out in memory like its parameters.
  struct Update {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> gradients;
    std::map<std::string, std::vector<at::Tensor>> state;
    LearningRate learning_rate;
    std::optional<at::Tensor> found_inf;
  };

  // A group with state tensors of these names: like the parameter, or float32 scalars where `scalars` says
  // so.
  void add_group(std::vector<at::Tensor> parameters, double learning_rate,
                 const std::vector<std::string>& like_parameter,
                 const std::vector<std::string>& scalars = {});

 private:
  struct Group {
    std::vector<at::Tensor> parameters;
    std::map<std::string, std::vector<at::Tensor>> state;
    LearningRate learning_rate;
  };

  virtual void update(size_t group, Update& update) = 0;
  static Update gather(const Group& group);

  std::vector<Group> groups_;
  FlatGradients flat_;
};

}  // namespace mcloss::train
