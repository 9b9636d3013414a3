#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "../nn/model.h"
#include "sgd.h"

namespace mcloss::train {

// CE(logits, labels) + alpha * discriminality + beta * diversity. Without groups there is no MC-Loss.
struct Objective {
  std::vector<int64_t> block_classes;
  std::vector<int64_t> block_channels;
  std::vector<int64_t> keep;
  double alpha = 0;
  double beta = 0;
  bool per_sample = false;
  std::string pooling = "max";
  std::string diversity_pooling = "max";
  std::optional<at::Generator> generator;  // draws the channel masks
};

// Sums over one batch; the losses are means over the batch.
struct BatchMetrics {
  int64_t size = 0;
  double loss = 0;
  double cross_entropy = 0;
  double discriminality = 0;
  double diversity = 0;
  int64_t correct = 0;
  int64_t groups_correct = 0;  // by the channel groups alone, without the classifier
};

// One step: forward, loss, backward, optimizer. A loss that is not finite is returned and nothing is updated.
BatchMetrics train_step(const nn::Model& model, Sgd& optimizer, const at::Tensor& images,
                        const at::Tensor& labels, const Objective& objective);

// The same losses in inference mode, over whole groups (no mask).
BatchMetrics evaluate_batch(const nn::Model& model, const at::Tensor& images, const at::Tensor& labels,
                            const Objective& objective);

}  // namespace mcloss::train
