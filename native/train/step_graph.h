#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "classification.h"
#include "stream_capture.h"

namespace mcloss::train {

// Whole steps as CUDA graphs: after a few steps operator by operator one step is recorded, and from then on
// launched as a whole. A graph reads and writes the same memory at each launch, so that what changes from
// step to step is copied to where it was recorded. Not for several threads at once.
class StepGraph {
 public:
  StepGraph();
  ~StepGraph();

  // Why steps are made operator by operator from now on; empty while nothing is against a graph.
  const std::string& refusal() const { return refusal_; }

  // As train_step(), with float32 learning rates, where each batch makes an update (accumulate is 1). A
  // smaller batch than the recorded one is made operator by operator, and so is a step that cannot be
  // recorded. What was recorded is thrown away where anything of it is another now: the parameters trained,
  // the objective, the precision, the clipping, the optimizer, the scaler or the average.
  at::Tensor step(const TrainingStep& step);

 private:
  struct Recorded;

  void refuse(std::string reason);
  bool is_smaller(const at::Tensor& images) const;
  void begin(const TrainingStep& step);
  void load(const TrainingStep& step);

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
