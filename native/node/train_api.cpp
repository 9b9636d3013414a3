#include "train_api.h"

#include "../train/classification.h"
#include "convert.h"
#include "handle.h"

namespace mcloss::node {
namespace {

using ModelPointer = std::shared_ptr<nn::Model>;
using SgdPointer = std::shared_ptr<train::Sgd>;

double number_of(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::Number>().DoubleValue();
}

std::vector<double> to_doubles(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<double> values;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    values.push_back(Napi::Value(array[i]).As<Napi::Number>().DoubleValue());
  }
  return values;
}

void set_learning_rates(train::Sgd& optimizer, const std::vector<double>& learning_rates) {
  for (size_t i = 0; i < learning_rates.size(); ++i) optimizer.set_learning_rate(i, learning_rates[i]);
}

// createSgd(groups: { parameters, learningRate, momentum, weightDecay, nesterov }[]): handle
Napi::Value create_sgd(const Napi::CallbackInfo& info) {
  const auto groups = info[0].As<Napi::Array>();
  auto optimizer = std::make_shared<train::Sgd>();
  for (uint32_t i = 0; i < groups.Length(); ++i) {
    const auto group = Napi::Value(groups[i]).As<Napi::Object>();
    const train::SgdOptions options{number_of(group, "learningRate"), number_of(group, "momentum"),
                                    number_of(group, "weightDecay"),
                                    group.Get("nesterov").As<Napi::Boolean>().Value()};
    optimizer->add_group(to_tensors(group.Get("parameters"), "parameters"), options);
  }
  return wrap(info.Env(), std::move(optimizer));
}

Napi::Value nothing(Napi::Env env, bool) {
  return env.Undefined();
}

// sgdStep(optimizer, learningRates): Promise<void>
Napi::Value sgd_step(const Napi::CallbackInfo& info) {
  auto work = [optimizer = unwrap<SgdPointer>(info[0], "optimizer"), rates = to_doubles(info[1])] {
    set_learning_rates(*optimizer, rates);
    optimizer->step();
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// zeroGrad(optimizer): Promise<void>
Napi::Value zero_grad(const Napi::CallbackInfo& info) {
  auto work = [optimizer = unwrap<SgdPointer>(info[0], "optimizer")] {
    optimizer->zero_grad();
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

train::Objective to_objective(const Napi::Object& object) {
  train::Objective objective;
  objective.block_classes = to_int_list(object.Get("blockClasses"), "blockClasses");
  objective.block_channels = to_int_list(object.Get("blockChannels"), "blockChannels");
  objective.keep = to_int_list(object.Get("keep"), "keep");
  objective.alpha = number_of(object, "alpha");
  objective.beta = number_of(object, "beta");
  objective.per_sample = object.Get("perSample").As<Napi::Boolean>().Value();
  objective.pooling = object.Get("pooling").As<Napi::String>();
  objective.diversity_pooling = object.Get("diversityPooling").As<Napi::String>();
  const Napi::Value generator = object.Get("generator");
  if (!generator.IsNull()) objective.generator = unwrap<at::Generator>(generator, "generator");
  return objective;
}

Napi::Value from_metrics(Napi::Env env, const train::BatchMetrics& metrics) {
  auto result = Napi::Object::New(env);
  result.Set("size", to_number(env, metrics.size));
  result.Set("loss", metrics.loss);
  result.Set("crossEntropy", metrics.cross_entropy);
  result.Set("discriminality", metrics.discriminality);
  result.Set("diversity", metrics.diversity);
  result.Set("correct", to_number(env, metrics.correct));
  result.Set("groupsCorrect", to_number(env, metrics.groups_correct));
  return result;
}

// trainStep(model, optimizer, images, labels, objective, learningRates): Promise<BatchMetrics>
Napi::Value train_step(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model"),
               optimizer = unwrap<SgdPointer>(info[1], "optimizer"),
               images = unwrap<at::Tensor>(info[2], "images"), labels = unwrap<at::Tensor>(info[3], "labels"),
               objective = to_objective(info[4].As<Napi::Object>()), rates = to_doubles(info[5])] {
    set_learning_rates(*optimizer, rates);
    return train::train_step(*model, *optimizer, images, labels, objective);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), from_metrics);
}

// evaluateBatch(model, images, labels, objective): Promise<BatchMetrics>
Napi::Value evaluate_batch(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model"), images = unwrap<at::Tensor>(info[1], "images"),
               labels = unwrap<at::Tensor>(info[2], "labels"),
               objective = to_objective(info[3].As<Napi::Object>())] {
    return train::evaluate_batch(*model, images, labels, objective);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), from_metrics);
}

}  // namespace

void export_train_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("createSgd", Napi::Function::New<guarded<create_sgd>>(env, "createSgd"));
  exports.Set("sgdStep", Napi::Function::New<guarded<sgd_step>>(env, "sgdStep"));
  exports.Set("zeroGrad", Napi::Function::New<guarded<zero_grad>>(env, "zeroGrad"));
  exports.Set("trainStep", Napi::Function::New<guarded<train_step>>(env, "trainStep"));
  exports.Set("evaluateBatch", Napi::Function::New<guarded<evaluate_batch>>(env, "evaluateBatch"));
}

}  // namespace mcloss::node
