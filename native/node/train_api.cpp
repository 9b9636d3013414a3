#include "train_api.h"

#include <utility>

namespace mcloss::node {

train::CenterTerm From<train::CenterTerm>::take(Capture& capture, const Napi::Value& value,
                                                std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<double>("weight"), fields.get<double>("rate"), fields.get<std::string>("layer"),
          fields.get<Written>("centers").tensor};
}

train::PlugInTerm From<train::PlugInTerm>::take(Capture& capture, const Napi::Value& value,
                                                std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<std::string>("type"), fields.get<std::map<std::string, double>>("numbers"),
          fields.get<std::map<std::string, at::Tensor>>("tensors"),
          fields.get<std::optional<std::string>>("layer")};
}

train::Mixing From<train::Mixing>::take(Capture& capture, const Napi::Value& value,
                                        std::string_view argument) {
  const Fields fields(capture, value, argument);
  train::Mixing mixing{fields.get<int64_t>("classes"), fields.get<double>("share"), {}};
  if (const auto box = fields.get<std::optional<std::vector<int64_t>>>("box")) {
    mixing.box = {box->at(0), box->at(1), box->at(2), box->at(3)};
  }
  return mixing;
}

train::Objective From<train::Objective>::take(Capture& capture, const Napi::Value& value,
                                              std::string_view argument) {
  const Fields fields(capture, value, argument);
  train::Objective objective;
  objective.block_classes = fields.get<std::vector<int64_t>>("blockClasses");
  objective.block_channels = fields.get<std::vector<int64_t>>("blockChannels");
  objective.keep = fields.get<std::vector<int64_t>>("keep");
  objective.alpha = fields.get<double>("alpha");
  objective.beta = fields.get<double>("beta");
  objective.per_sample = fields.get<bool>("perSample");
  objective.pooling = fields.get<std::string>("pooling");
  objective.diversity_pooling = fields.get<std::string>("diversityPooling");
  objective.diversity_over = fields.get<std::string>("diversityOver");
  objective.classification = {fields.get<double>("labelSmoothing"),
                              fields.get<std::optional<double>>("focalGamma"),
                              fields.get<std::optional<double>>("entropyWeight").value_or(0)};
  objective.plug_in = fields.get<std::optional<train::PlugInTerm>>("plugIn");
  objective.center = fields.get<std::optional<train::CenterTerm>>("center");
  objective.generator = fields.get<std::optional<at::Generator>>("generator");
  return objective;
}

train::TrainingStep From<train::TrainingStep>::take(Capture& capture, const Napi::Value& value,
                                                    std::string_view argument) {
  const Fields fields(capture, value, argument);
  const auto images = fields.get<std::optional<at::Tensor>>("images");
  return {.model = fields.get<ModelPointer>("model"),
          .optimizer = fields.get<std::shared_ptr<train::Optimizer>>("optimizer"),
          // Nobody gets their gradient.
          .images = images ? images->detach() : at::Tensor(),
          .labels = fields.get<std::optional<at::Tensor>>("labels").value_or(at::Tensor()),
          .objective = fields.get<train::Objective>("objective"),
          .learning_rates = fields.get<std::vector<double>>("learningRates"),
          .mixing = fields.get<std::optional<train::Mixing>>("mixing"),
          .autocast = fields.get<std::optional<at::ScalarType>>("autocast"),
          .clip_norm = fields.get<std::optional<double>>("clipNorm"),
          .clip_value = fields.get<std::optional<double>>("clipValue"),
          .accumulate = fields.get<int64_t>("accumulate"),
          .position = fields.get<int64_t>("position"),
          .scaler = fields.get<std::optional<std::shared_ptr<train::GradScaler>>>("scaler").value_or(nullptr),
          .ema = fields.get<std::optional<std::shared_ptr<train::Ema>>>("ema").value_or(nullptr),
          .graph = fields.get<std::optional<GraphPointer>>("graph").value_or(nullptr),
          .reducer = fields.get<std::optional<ReducerPointer>>("reducer").value_or(nullptr),
          .found_inf = fields.get<Written>("foundInf").tensor,
          .skip_non_finite = fields.get<bool>("skipNonFinite")};
}

Napi::Value To<train::BatchMetrics>::give(Napi::Env env, const train::BatchMetrics& metrics) {
  auto object = Napi::Object::New(env);
  give_field(object, "loss", metrics.loss);
  give_field(object, "crossEntropy", metrics.cross_entropy);
  give_field(object, "discriminality", metrics.discriminality);
  give_field(object, "diversity", metrics.diversity);
  if (metrics.center) give_field(object, "center", *metrics.center);
  give_field(object, "correct", metrics.correct);
  give_field(object, "groupsCorrect", metrics.groups_correct);
  return object;
}

Napi::Value To<train::BatchEvaluation>::give(Napi::Env env, const train::BatchEvaluation& evaluation) {
  auto object = To<train::BatchMetrics>::give(env, evaluation.metrics).As<Napi::Object>();
  object.Set("samples", copy_to_typed_array(env, evaluation.samples));
  return object;
}

Napi::Value To<train::MixedBatch>::give(Napi::Env env, train::MixedBatch batch) {
  auto object = Napi::Object::New(env);
  give_field(object, "images", std::move(batch.images));
  give_field(object, "targets", std::move(batch.targets));
  return object;
}

GraphPointer create_step_graph() {
  return std::make_shared<train::StepGraph>();
}

std::string step_graph_refusal(const std::shared_ptr<const train::StepGraph>& graph) {
  return graph->refusal();
}

at::Tensor train_step(const train::TrainingStep& step, const CallMode& mode) {
  const autograd::ModeGuard guard(mode.mode);
  // A graph that is launched changes the weights without counting.
  step.model->leave_inference();
  return train::train_step(step);
}

void finish_update(const train::TrainingStep& step) {
  train::finish_update(step);
}

train::MixedBatch mix_batch(const at::Tensor& images, const at::Tensor& labels, const train::Mixing& mixing) {
  return train::mix_batch(images.detach(), labels, mixing, nullptr);
}

std::vector<train::BatchMetrics> read_metrics(const std::vector<at::Tensor>& steps) {
  return train::read_metrics(steps);
}

train::BatchEvaluation evaluate_batch(const ConstModelPointer& model, const at::Tensor& images,
                                      const at::Tensor& labels, const train::Objective& objective,
                                      std::optional<at::ScalarType> autocast, bool by_plan) {
  return train::evaluate_batch(*model, images, labels, objective, autocast, by_plan);
}

}  // namespace mcloss::node
