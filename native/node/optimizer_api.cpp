#include "optimizer_api.h"

#include <string>

#include "../train/adam.h"
#include "../train/clip_gradients.h"
#include "../train/lion.h"
#include "../train/rmsprop.h"
#include "../train/sgd.h"

namespace mcloss::node {
namespace {

train::SgdOptions to_sgd(const Fields& group) {
  return {group.get<double>("learningRate"), group.get<double>("momentum"), group.get<double>("weightDecay"),
          group.get<bool>("nesterov")};
}

train::AdamOptions to_adam(const Fields& group) {
  const auto betas = group.get<std::array<double, 2>>("betas");
  return {group.get<double>("learningRate"),
          betas[0],
          betas[1],
          group.get<double>("eps"),
          group.get<double>("weightDecay"),
          group.get<bool>("amsgrad"),
          group.get<bool>("decoupled")};
}

train::LionOptions to_lion(const Fields& group) {
  const auto betas = group.get<std::array<double, 2>>("betas");
  return {group.get<double>("learningRate"), betas[0], betas[1], group.get<double>("weightDecay")};
}

train::RmspropOptions to_rmsprop(const Fields& group) {
  return {group.get<double>("learningRate"), group.get<double>("alpha"),    group.get<double>("eps"),
          group.get<double>("weightDecay"),  group.get<double>("momentum"), group.get<bool>("centered")};
}

template <class Kind, class Options>
OptimizerPointer make(Capture& capture, const Napi::Array& groups, Options (*options)(const Fields&)) {
  auto optimizer = std::make_shared<Kind>();
  for (uint32_t i = 0; i < groups.Length(); ++i) {
    const Fields group(capture, groups[i], "groups");
    optimizer->add_group(group.get<std::vector<at::Tensor>>("parameters"), options(group));
  }
  return optimizer;
}

std::vector<at::Tensor> gradients_of(const std::vector<Written>& parameters) {
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : parameters) {
    if (parameter.tensor.grad().defined()) gradients.push_back(parameter.tensor.grad());
  }
  return gradients;
}

}  // namespace

OptimizerDefinition From<OptimizerDefinition>::take(Capture& capture, const Napi::Value& value,
                                                    std::string_view argument) {
  const Fields fields(capture, value, argument);
  const auto kind = fields.get<std::string>("kind");
  const auto groups = fields.raw("groups").As<Napi::Array>();
  if (kind == "sgd") return {make<train::Sgd>(capture, groups, to_sgd)};
  if (kind == "adam") return {make<train::Adam>(capture, groups, to_adam)};
  if (kind == "lion") return {make<train::Lion>(capture, groups, to_lion)};
  return {make<train::Rmsprop>(capture, groups, to_rmsprop)};
}

train::GradScalerOptions From<train::GradScalerOptions>::take(Capture& capture, const Napi::Value& value,
                                                              std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<double>("initialScale"), fields.get<double>("growthFactor"),
          fields.get<double>("backoffFactor"), fields.get<int64_t>("growthInterval")};
}

train::ScalerState From<train::ScalerState>::take(Capture& capture, const Napi::Value& value,
                                                  std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<double>("scale"), fields.get<int64_t>("growthTracker")};
}

Napi::Value To<train::ScalerState>::give(Napi::Env env, const train::ScalerState& state) {
  auto object = Napi::Object::New(env);
  give_field(object, "scale", state.scale);
  give_field(object, "growthTracker", state.growth_tracker);
  return object;
}

Napi::Value To<train::OptimizerState>::give(Napi::Env env, const train::OptimizerState& state) {
  auto object = Napi::Object::New(env);
  give_field(object, "group", static_cast<int64_t>(state.group));
  give_field(object, "parameter", static_cast<int64_t>(state.parameter));
  give_field(object, "name", state.name);
  give_field(object, "tensor", state.tensor);
  return object;
}

OptimizerPointer create_optimizer(const OptimizerDefinition& definition) {
  return definition.optimizer;
}

void optimizer_step(const OptimizerPointer& optimizer, const std::vector<double>& learning_rates,
                    const std::optional<at::Tensor>& found_inf) {
  for (size_t i = 0; i < learning_rates.size(); ++i) optimizer->set_learning_rate(i, learning_rates[i]);
  optimizer->step(found_inf);
}

void zero_grad(const OptimizerPointer& optimizer) {
  optimizer->zero_grad();
}

std::vector<train::OptimizerState> optimizer_state(const std::shared_ptr<const train::Optimizer>& optimizer) {
  return optimizer->state();
}

at::Tensor clip_grad_norm(const std::vector<Written>& parameters, double max_norm) {
  return train::clip_norm(gradients_of(parameters), max_norm);
}

void clip_grad_value(const std::vector<Written>& parameters, double limit) {
  train::clip_value(gradients_of(parameters), limit);
}

ScalerPointer create_grad_scaler(const train::GradScalerOptions& options) {
  return std::make_shared<train::GradScaler>(options);
}

at::Tensor scale_loss(const ScalerPointer& scaler, const at::Tensor& loss) {
  return scaler->scale(loss);
}

at::Tensor unscale_gradients(const ScalerPointer& scaler, const std::vector<Written>& parameters) {
  return scaler->unscale(gradients_of(parameters));
}

void update_scale(const ScalerPointer& scaler, const at::Tensor& found_inf) {
  scaler->update(found_inf);
}

train::ScalerState scaler_state(const std::shared_ptr<const train::GradScaler>& scaler) {
  return scaler->state();
}

void restore_scaler(const ScalerPointer& scaler, const train::ScalerState& state) {
  scaler->restore(state);
}

EmaPointer create_ema(const ConstModelPointer& model, double decay) {
  return std::make_shared<train::Ema>(model->state(), decay);
}

void update_ema(const EmaPointer& ema, const ConstModelPointer& model) {
  ema->update(model->state());
}

std::vector<nn::NamedTensor> ema_state(const std::shared_ptr<const train::Ema>& ema) {
  const auto& entries = ema->entries();
  return {entries.begin(), entries.end()};
}

}  // namespace mcloss::node
