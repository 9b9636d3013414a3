#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../distributed/gradient_reducer.h"
#include "../nn/model.h"
#include "center_loss.h"
#include "classification_loss.h"
#include "ema.h"
#include "grad_scaler.h"
#include "losses/plug_in.h"
#include "mix_batch.h"
#include "optimizer.h"

namespace mcloss::train {

class StepGraph;

// The classification term, plus alpha * discriminality + beta * diversity, plus the center loss times its
// weight. Without groups there is no MC-Loss.
struct Objective {
  ClassificationTerm classification;
  std::optional<PlugInTerm> plug_in;  // in its place
  std::optional<CenterTerm> center;
  std::vector<int64_t> block_classes;
  std::vector<int64_t> block_channels;
  std::vector<int64_t> keep;
  double alpha = 0;
  double beta = 0;
  bool per_sample = false;
  std::string pooling = "max";
  std::string diversity_pooling = "max";
  std::string diversity_over = "classes";
  std::optional<at::Generator> generator;  // draws the channel masks
  bool operator==(const Objective&) const = default;
};

// Whether MC-Loss is a part of what is minimised.
bool has_channel_loss(const Objective& objective);

// Sums over one batch; the losses are means over the batch.
struct BatchMetrics {
  double loss = 0;
  double cross_entropy = 0;
  double discriminality = 0;
  double diversity = 0;
  int64_t correct = 0;
  std::optional<double> center;  // where there is a center loss
  int64_t groups_correct = 0;    // by the channel groups alone, without the classifier
};

// One step: what it trains, on what, and how.
struct TrainingStep {
  std::shared_ptr<nn::Model> model;
  std::shared_ptr<Optimizer> optimizer;
  at::Tensor images;
  at::Tensor labels;  // int64 [N], or floating point [N, K]: distributions over the classes
  Objective objective;
  std::optional<at::Tensor> mask = {};          // of the channels, see mc_loss(); drawn fresh where absent
  std::vector<double> learning_rates = {};      // of each group
  std::optional<Mixing> mixing = {};            // of the images and labels, before all else
  std::optional<at::ScalarType> autocast = {};  // float32 throughout where absent
  std::optional<double> clip_norm = {};         // of all gradients together
  std::optional<double> clip_value = {};        // of each element
  int64_t accumulate = 1;                       // batches whose gradients are averaged into one update
  int64_t position = 0;                         // of this batch among them
  std::shared_ptr<GradScaler> scaler = nullptr;
  std::shared_ptr<Ema> ema = nullptr;
  std::shared_ptr<StepGraph> graph = nullptr;
  // Of several processes, each of which makes a part of the batch: the update is that of the whole.
  std::shared_ptr<distributed::GradientReducer> reducer = nullptr;
  // A float32 scalar on the model's device, kept between the batches of one update: 1 where the loss of one
  // of them was not finite.
  at::Tensor found_inf;
  // Whether training goes on after a loss that is not finite, so that what such a batch left in the buffers,
  // as running statistics, is taken back too.
  bool skip_non_finite = false;
};

// Forward, loss, backward, optimizer. Where a loss is not finite, neither the parameters nor the optimizer's
// state change in the update that the batch has a part in. Nothing waits for the device: what is returned
// lies there, for read_metrics().
at::Tensor train_step(const TrainingStep& step);

// train_step() operator by operator, whatever the step's graph is.
at::Tensor run_step(const TrainingStep& step);

// Makes the update of fewer batches than `step.accumulate`: of the `step.position` that were made since
// the last, after an epoch that ended early. Their gradients are averaged over themselves.
void finish_update(const TrainingStep& step);

// The metrics of steps, in one transfer.
std::vector<BatchMetrics> read_metrics(const std::vector<at::Tensor>& steps);

// What evaluation tells beyond the sums.
struct BatchEvaluation {
  BatchMetrics metrics;
  // int32 [N, 3] on the CPU: the predicted class, how many classes come before the true one, and the
  // class that the channel groups alone predict (-1 without groups).
  at::Tensor samples;
};

// The same losses in evaluation mode, over whole groups (no mask); waits for the device once. `by_plan`:
// through Model::infer() where that answers the same, which is worth its making for more than a few images.
BatchEvaluation evaluate_batch(const nn::Model& model, const at::Tensor& images, const at::Tensor& labels,
                               const Objective& objective, std::optional<at::ScalarType> autocast,
                               bool by_plan);

}  // namespace mcloss::train
