#include "train_api.h"

#include "../train/classification.h"
#include "../train/step_graph.h"
#include "convert.h"
#include "handle.h"
#include "operation_mode.h"
#include "options.h"

namespace mcloss::node {
namespace {

using ModelPointer = std::shared_ptr<nn::Model>;
using OptimizerPointer = std::shared_ptr<train::Optimizer>;

train::CenterTerm to_center(const Napi::Object& object) {
  return {number_of(object, "weight"), number_of(object, "rate"), object.Get("layer").As<Napi::String>(),
          unwrap<at::Tensor>(object.Get("centers"), "centers")};
}

train::Objective to_objective(const Napi::Object& object) {
  train::Objective objective;
  objective.block_classes = to_int_list(object.Get("blockClasses"), "blockClasses");
  objective.block_channels = to_int_list(object.Get("blockChannels"), "blockChannels");
  objective.keep = to_int_list(object.Get("keep"), "keep");
  objective.alpha = number_of(object, "alpha");
  objective.beta = number_of(object, "beta");
  objective.per_sample = flag_of(object, "perSample");
  objective.pooling = object.Get("pooling").As<Napi::String>();
  objective.diversity_pooling = object.Get("diversityPooling").As<Napi::String>();
  objective.classification = {number_of(object, "labelSmoothing"), optional_number_of(object, "focalGamma")};
  const Napi::Value center = object.Get("center");
  if (center.IsObject()) objective.center = to_center(center.As<Napi::Object>());
  const Napi::Value generator = object.Get("generator");
  if (!generator.IsNull()) objective.generator = unwrap<at::Generator>(generator, "generator");
  return objective;
}

Napi::Object from_metrics(Napi::Env env, const train::BatchMetrics& metrics) {
  auto result = Napi::Object::New(env);
  result.Set("loss", metrics.loss);
  result.Set("crossEntropy", metrics.cross_entropy);
  result.Set("discriminality", metrics.discriminality);
  result.Set("diversity", metrics.diversity);
  if (metrics.center) result.Set("center", *metrics.center);
  result.Set("correct", to_number(env, metrics.correct));
  result.Set("groupsCorrect", to_number(env, metrics.groups_correct));
  return result;
}

template <class T>
std::shared_ptr<T> optional_handle(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsObject() ? unwrap<std::shared_ptr<T>>(value, key) : nullptr;
}

train::StepOptions to_step_options(const Napi::Object& object) {
  train::StepOptions options;
  options.learning_rates = to_doubles(object.Get("learningRates"));
  const Napi::Value precision = object.Get("autocast");
  if (precision.IsString()) options.autocast = dtype_from_name(precision.As<Napi::String>());
  options.clip_norm = optional_number_of(object, "clipNorm");
  options.clip_value = optional_number_of(object, "clipValue");
  options.accumulate = integer_of(object, "accumulate");
  options.position = integer_of(object, "position");
  options.scaler = optional_handle<train::GradScaler>(object, "scaler");
  options.ema = optional_handle<train::Ema>(object, "ema");
  options.graph = optional_handle<train::StepGraph>(object, "graph");
  options.found_inf = unwrap<at::Tensor>(object.Get("foundInf"), "foundInf");
  options.skip_non_finite = flag_of(object, "skipNonFinite");
  return options;
}

// createStepGraph(): handle
Napi::Value create_step_graph(const Napi::CallbackInfo& info) {
  return wrap(info.Env(), std::make_shared<train::StepGraph>());
}

// stepGraphRefusal(graph): string, empty while steps are captured or may be
Napi::Value step_graph_refusal(const Napi::CallbackInfo& info) {
  const auto& graph = unwrap<std::shared_ptr<train::StepGraph>>(info[0], "graph");
  return Napi::String::New(info.Env(), graph->refusal());
}

// trainStep(model, optimizer, images, labels, objective, stepOptions, mode): Promise<handle> for readMetrics
Napi::Value train_step(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model"),
               optimizer = unwrap<OptimizerPointer>(info[1], "optimizer"),
               images = unwrap<at::Tensor>(info[2], "images"), labels = unwrap<at::Tensor>(info[3], "labels"),
               objective = to_objective(info[4].As<Napi::Object>()),
               options = to_step_options(info[5].As<Napi::Object>()), mode = to_mode(info[6])] {
    const autograd::ModeGuard guard(mode);
    return train::train_step(*model, *optimizer, images, labels, objective, options);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), wrap<at::Tensor>);
}

Napi::Value from_all_metrics(Napi::Env env, const std::vector<train::BatchMetrics>& metrics) {
  auto result = Napi::Array::New(env, metrics.size());
  for (uint32_t i = 0; i < metrics.size(); ++i) result[i] = from_metrics(env, metrics[i]);
  return result;
}

// readMetrics(steps: handle[]): Promise<BatchMetrics[]>
Napi::Value read_metrics(const Napi::CallbackInfo& info) {
  auto work = [steps = to_tensors(info[0], "steps")] { return train::read_metrics(steps); };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), from_all_metrics);
}

Napi::Value from_evaluation(Napi::Env env, const train::BatchEvaluation& evaluation) {
  auto result = from_metrics(env, evaluation.metrics);
  result.Set("samples", copy_to_typed_array(env, evaluation.samples));
  return result;
}

// evaluateBatch(model, images, labels, objective): Promise<BatchMetrics & { samples: Int32Array of [N, 3] }>
Napi::Value evaluate_batch(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model"), images = unwrap<at::Tensor>(info[1], "images"),
               labels = unwrap<at::Tensor>(info[2], "labels"),
               objective = to_objective(info[3].As<Napi::Object>())] {
    return train::evaluate_batch(*model, images, labels, objective);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), from_evaluation);
}

}  // namespace

void export_train_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("createStepGraph", Napi::Function::New<guarded<create_step_graph>>(env, "createStepGraph"));
  exports.Set("stepGraphRefusal", Napi::Function::New<guarded<step_graph_refusal>>(env, "stepGraphRefusal"));
  exports.Set("trainStep", Napi::Function::New<guarded<train_step>>(env, "trainStep"));
  exports.Set("readMetrics", Napi::Function::New<guarded<read_metrics>>(env, "readMetrics"));
  exports.Set("evaluateBatch", Napi::Function::New<guarded<evaluate_batch>>(env, "evaluateBatch"));
}

}  // namespace mcloss::node
