#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../nn/model.h"
#include "classification.h"
#include "optimizer.h"
#include "stream_capture.h"

namespace mcloss::train {

// Whole steps as CUDA graphs: after a few steps operator by operator one step is recorded, and from then on
// launched as a whole. A graph reads and writes the same memory at each launch, so that what changes from
// step to step is copied to where it was recorded. Of one model, optimizer and objective; not for several
// threads at once.
class StepGraph {
 public:
  StepGraph();
  ~StepGraph();

  // Why steps are made operator by operator from now on; empty while nothing is against a graph.
  const std::string& refusal() const { return refusal_; }

  // As train_step(), with float32 learning rates, where each batch makes an update (accumulate is 1). A
  // smaller batch than the recorded one is made operator by operator, and so is a step that cannot be
  // recorded. What was recorded is thrown away where another set of parameters is trained, or in another
  // precision.
  at::Tensor step(const nn::Model& model, Optimizer& optimizer, const at::Tensor& images,
                  const at::Tensor& labels, const Objective& objective, const StepOptions& options);

 private:
  struct Recorded;

  void refuse(std::string reason);
  bool is_smaller(const at::Tensor& images) const;
  void begin(const at::Tensor& images, const at::Tensor& labels, size_t groups);
  void load(Optimizer& optimizer, const at::Tensor& images, const at::Tensor& labels,
            const Objective& objective, const std::vector<double>& learning_rates);

  std::string refusal_;
  std::unique_ptr<Recorded> recorded_;  // what the graph is of, of which a change asks for another
  std::unique_ptr<StreamCapture> capture_;
  bool captured_ = false;
  int warm_steps_ = 0;
  at::Tensor images_, labels_, found_inf_;
  std::optional<at::Tensor> mask_;
  std::vector<at::Tensor> learning_rates_;
  at::Tensor metrics_;
};

}  // namespace mcloss::train
