#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "../train/ema.h"
#include "../train/grad_scaler.h"
#include "../train/optimizer.h"
#include "model_api.h"

namespace mcloss::node {

using OptimizerPointer = std::shared_ptr<train::Optimizer>;
using ScalerPointer = std::shared_ptr<train::GradScaler>;
using EmaPointer = std::shared_ptr<train::Ema>;

// { kind: "sgd" | "adam" | "lion" | "rmsprop", groups: { parameters, learningRate, ... }[] }
struct OptimizerDefinition {
  OptimizerPointer optimizer;
};
template <>
struct From<OptimizerDefinition> {
  static OptimizerDefinition take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<train::GradScalerOptions> {
  static train::GradScalerOptions take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<train::ScalerState> {
  static train::ScalerState take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct To<train::ScalerState> {
  static Napi::Value give(Napi::Env env, const train::ScalerState& state);
};
// { group, parameter, name, tensor }; the tensor shares the optimizer's memory.
template <>
struct To<train::OptimizerState> {
  static Napi::Value give(Napi::Env env, const train::OptimizerState& state);
};

OptimizerPointer create_optimizer(const OptimizerDefinition& definition);
void optimizer_step(const OptimizerPointer& optimizer, const std::vector<double>& learning_rates,
                    const std::optional<at::Tensor>& found_inf);
void zero_grad(const OptimizerPointer& optimizer);
std::vector<train::OptimizerState> optimizer_state(const std::shared_ptr<const train::Optimizer>& optimizer);

// Of the gradients that the parameters have when their turn comes: the norm before.
at::Tensor clip_grad_norm(const std::vector<Written>& parameters, double max_norm);
void clip_grad_value(const std::vector<Written>& parameters, double limit);

ScalerPointer create_grad_scaler(const train::GradScalerOptions& options);
at::Tensor scale_loss(const ScalerPointer& scaler, const at::Tensor& loss);
// 1 where an element was not finite, else 0.
at::Tensor unscale_gradients(const ScalerPointer& scaler, const std::vector<Written>& parameters);
void update_scale(const ScalerPointer& scaler, const at::Tensor& found_inf);
train::ScalerState scaler_state(const std::shared_ptr<const train::GradScaler>& scaler);
void restore_scaler(const ScalerPointer& scaler, const train::ScalerState& state);

EmaPointer create_ema(const ConstModelPointer& model, double decay);
void update_ema(const EmaPointer& ema, const ConstModelPointer& model);
std::vector<nn::NamedTensor> ema_state(const std::shared_ptr<const train::Ema>& ema);

}  // namespace mcloss::node
