#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace mcloss::distributed {
class ProcessGroup;
}

namespace mcloss::train {

// A loss of the classifier in place of cross-entropy, as lib/train/losses describes it.
struct PlugInTerm {
  std::string type;
  std::map<std::string, double> numbers;
  std::map<std::string, at::Tensor> tensors;
  std::optional<std::string> layer;  // whose output the vectors are; empty: the features' global average

  double number(const std::string& name) const { return numbers.at(name); }
  const at::Tensor& tensor(const std::string& name) const { return tensors.at(name); }
  bool operator==(const PlugInTerm& other) const;
};

// What a network made of a batch, of which a loss takes what it needs; in float32 at least.
struct ClassifierOutput {
  at::Tensor logits;    // [N, K]
  at::Tensor features;  // [N, C, H, W]
  at::Tensor vectors;   // [N, D]; undefined where the term names no layer
  bool training;
  distributed::ProcessGroup* group = nullptr;  // whose parts the batch is made of; none: it is whole
};

struct PlugInLoss {
  at::Tensor loss;
  at::Tensor cross_entropy;  // plain
};

// Means over the batch. What compares images of a batch, or is drawn, is left out of evaluation.
PlugInLoss plug_in_loss(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm& term);

// What the term makes of the features before the classifier reads them in training; empty: nothing.
std::function<at::Tensor(const at::Tensor&)> change_of_features(const PlugInTerm& term);

}  // namespace mcloss::train
