#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../train/classification.h"
#include "../train/step_graph.h"
#include "from_script.h"
#include "model_api.h"
#include "to_script.h"

namespace mcloss::node {

template <>
struct From<train::CenterTerm> {
  static train::CenterTerm take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
// { classes, share, box? }
template <>
struct From<train::Mixing> {
  static train::Mixing take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<train::PlugInTerm> {
  static train::PlugInTerm take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<train::Objective> {
  static train::Objective take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<train::TrainingStep> {
  static train::TrainingStep take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct To<train::BatchMetrics> {
  static Napi::Value give(Napi::Env env, const train::BatchMetrics& metrics);
};
template <>
struct To<train::BatchEvaluation> {
  static Napi::Value give(Napi::Env env, const train::BatchEvaluation& evaluation);
};

// { images, targets }
template <>
struct To<train::MixedBatch> {
  static Napi::Value give(Napi::Env env, train::MixedBatch batch);
};

using GraphPointer = std::shared_ptr<train::StepGraph>;
using ReducerPointer = std::shared_ptr<distributed::GradientReducer>;

GraphPointer create_step_graph();
// Empty while steps are captured or may be.
std::string step_graph_refusal(const std::shared_ptr<const train::StepGraph>& graph);
// For read_metrics().
at::Tensor train_step(const train::TrainingStep& step, const CallMode& mode);
// Without images and labels.
void finish_update(const train::TrainingStep& step);
train::MixedBatch mix_batch(const at::Tensor& images, const at::Tensor& labels, const train::Mixing& mixing);
std::vector<train::BatchMetrics> read_metrics(const std::vector<at::Tensor>& steps);
train::BatchEvaluation evaluate_batch(const ConstModelPointer& model, const at::Tensor& images,
                                      const at::Tensor& labels, const train::Objective& objective,
                                      std::optional<at::ScalarType> autocast, bool by_plan);

}  // namespace mcloss::node
