#include "optimizer_api.h"

#include "../train/adam.h"
#include "../train/gradients.h"
#include "../train/rmsprop.h"
#include "../train/sgd.h"
#include "convert.h"
#include "handle.h"
#include "options.h"

namespace mcloss::node {
namespace {

using OptimizerPointer = std::shared_ptr<train::Optimizer>;
using ScalerPointer = std::shared_ptr<train::GradScaler>;
using EmaPointer = std::shared_ptr<train::Ema>;

train::SgdOptions to_sgd(const Napi::Object& group) {
  return {number_of(group, "learningRate"), number_of(group, "momentum"), number_of(group, "weightDecay"),
          flag_of(group, "nesterov")};
}

train::AdamOptions to_adam(const Napi::Object& group) {
  const auto betas = to_doubles(group.Get("betas"));
  return {number_of(group, "learningRate"),
          betas.at(0),
          betas.at(1),
          number_of(group, "eps"),
          number_of(group, "weightDecay"),
          flag_of(group, "amsgrad"),
          flag_of(group, "decoupled")};
}

train::RmspropOptions to_rmsprop(const Napi::Object& group) {
  return {number_of(group, "learningRate"), number_of(group, "alpha"),    number_of(group, "eps"),
          number_of(group, "weightDecay"),  number_of(group, "momentum"), flag_of(group, "centered")};
}

template <class Kind, class Options>
OptimizerPointer make(const Napi::Array& groups, Options (*options)(const Napi::Object&)) {
  auto optimizer = std::make_shared<Kind>();
  for (uint32_t i = 0; i < groups.Length(); ++i) {
    const auto group = Napi::Value(groups[i]).As<Napi::Object>();
    optimizer->add_group(to_tensors(group.Get("parameters"), "parameters"), options(group));
  }
  return optimizer;
}

// createOptimizer(kind: "sgd" | "adam" | "rmsprop", groups: { parameters, learningRate, ... }[]): handle
Napi::Value create_optimizer(const Napi::CallbackInfo& info) {
  const std::string kind = info[0].As<Napi::String>();
  const auto groups = info[1].As<Napi::Array>();
  if (kind == "sgd") return wrap(info.Env(), make<train::Sgd>(groups, to_sgd));
  if (kind == "adam") return wrap(info.Env(), make<train::Adam>(groups, to_adam));
  return wrap(info.Env(), make<train::Rmsprop>(groups, to_rmsprop));
}

// optimizerStep(optimizer, learningRates, foundInf: handle | null): Promise<void>
Napi::Value optimizer_step(const Napi::CallbackInfo& info) {
  std::optional<at::Tensor> found_inf;
  if (!info[2].IsNull()) found_inf = unwrap<at::Tensor>(info[2], "foundInf");
  auto work = [optimizer = unwrap<OptimizerPointer>(info[0], "optimizer"), rates = to_doubles(info[1]),
               found_inf] {
    for (size_t i = 0; i < rates.size(); ++i) optimizer->set_learning_rate(i, rates[i]);
    optimizer->step(found_inf);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// zeroGrad(optimizer): Promise<void>
Napi::Value zero_grad(const Napi::CallbackInfo& info) {
  auto work = [optimizer = unwrap<OptimizerPointer>(info[0], "optimizer")] {
    optimizer->zero_grad();
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// optimizerState(optimizer): { group, parameter, name, tensor }[]; the tensors share the optimizer's memory
Napi::Value optimizer_state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto state = unwrap<OptimizerPointer>(info[0], "optimizer")->state();
  auto result = Napi::Array::New(env, state.size());
  for (uint32_t i = 0; i < state.size(); ++i) {
    auto entry = Napi::Object::New(env);
    entry.Set("group", to_number(env, static_cast<int64_t>(state[i].group)));
    entry.Set("parameter", to_number(env, static_cast<int64_t>(state[i].parameter)));
    entry.Set("name", state[i].name);
    entry.Set("tensor", wrap(env, state[i].tensor));
    result[i] = entry;
  }
  return result;
}

std::vector<at::Tensor> gradients_of(const Napi::Value& parameters) {
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : to_tensors(parameters, "parameters")) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  return gradients;
}

// clipGradNorm(parameters, maxNorm): Promise<handle> of the norm before
Napi::Value clip_grad_norm(const Napi::CallbackInfo& info) {
  auto work = [gradients = gradients_of(info[0]), limit = info[1].As<Napi::Number>().DoubleValue()] {
    return train::clip_norm(gradients, limit);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), wrap<at::Tensor>);
}

// clipGradValue(parameters, limit): Promise<void>
Napi::Value clip_grad_value(const Napi::CallbackInfo& info) {
  auto work = [gradients = gradients_of(info[0]), limit = info[1].As<Napi::Number>().DoubleValue()] {
    train::clip_value(gradients, limit);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// createGradScaler({ initialScale, growthFactor, backoffFactor, growthInterval }): handle
Napi::Value create_grad_scaler(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  const train::GradScalerOptions resolved{
      number_of(options, "initialScale"), number_of(options, "growthFactor"),
      number_of(options, "backoffFactor"), integer_of(options, "growthInterval")};
  return wrap(info.Env(), std::make_shared<train::GradScaler>(resolved));
}

// scaleLoss(scaler, loss): handle
Napi::Value scale_loss(const Napi::CallbackInfo& info) {
  return wrap(info.Env(),
              unwrap<ScalerPointer>(info[0], "scaler")->scale(unwrap<at::Tensor>(info[1], "loss")));
}

// unscaleGradients(scaler, parameters): Promise<handle> of foundInf
Napi::Value unscale_gradients(const Napi::CallbackInfo& info) {
  auto work = [scaler = unwrap<ScalerPointer>(info[0], "scaler"), gradients = gradients_of(info[1])] {
    return scaler->unscale(gradients);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), wrap<at::Tensor>);
}

// updateScale(scaler, foundInf): Promise<void>
Napi::Value update_scale(const Napi::CallbackInfo& info) {
  auto work = [scaler = unwrap<ScalerPointer>(info[0], "scaler"),
               found_inf = unwrap<at::Tensor>(info[1], "foundInf")] {
    scaler->update(found_inf);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// scalerState(scaler): { scale, growthTracker }
Napi::Value scaler_state(const Napi::CallbackInfo& info) {
  const auto [scale, growth_tracker] = unwrap<ScalerPointer>(info[0], "scaler")->state();
  auto result = Napi::Object::New(info.Env());
  result.Set("scale", scale);
  result.Set("growthTracker", to_number(info.Env(), growth_tracker));
  return result;
}

// restoreScaler(scaler, { scale, growthTracker })
Napi::Value restore_scaler(const Napi::CallbackInfo& info) {
  const auto state = info[1].As<Napi::Object>();
  unwrap<ScalerPointer>(info[0], "scaler")
      ->restore(number_of(state, "scale"), integer_of(state, "growthTracker"));
  return info.Env().Undefined();
}

// createEma(model, decay): handle
Napi::Value create_ema(const Napi::CallbackInfo& info) {
  const auto& model = unwrap<std::shared_ptr<nn::Model>>(info[0], "model");
  return wrap(info.Env(),
              std::make_shared<train::Ema>(model->state(), info[1].As<Napi::Number>().DoubleValue()));
}

// updateEma(ema, model): Promise<void>
Napi::Value update_ema(const Napi::CallbackInfo& info) {
  auto work = [ema = unwrap<EmaPointer>(info[0], "ema"),
               model = unwrap<std::shared_ptr<nn::Model>>(info[1], "model")] {
    ema->update(model->state());
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// emaState(ema): { name, tensor, trainable }[]; the tensors share the average's memory
Napi::Value ema_state(const Napi::CallbackInfo& info) {
  return from_named_tensors(info.Env(), unwrap<EmaPointer>(info[0], "ema")->entries());
}

}  // namespace

void export_optimizer_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("createOptimizer", Napi::Function::New<guarded<create_optimizer>>(env, "createOptimizer"));
  exports.Set("optimizerStep", Napi::Function::New<guarded<optimizer_step>>(env, "optimizerStep"));
  exports.Set("zeroGrad", Napi::Function::New<guarded<zero_grad>>(env, "zeroGrad"));
  exports.Set("optimizerState", Napi::Function::New<guarded<optimizer_state>>(env, "optimizerState"));
  exports.Set("clipGradNorm", Napi::Function::New<guarded<clip_grad_norm>>(env, "clipGradNorm"));
  exports.Set("clipGradValue", Napi::Function::New<guarded<clip_grad_value>>(env, "clipGradValue"));
  exports.Set("createGradScaler", Napi::Function::New<guarded<create_grad_scaler>>(env, "createGradScaler"));
  exports.Set("scaleLoss", Napi::Function::New<guarded<scale_loss>>(env, "scaleLoss"));
  exports.Set("unscaleGradients", Napi::Function::New<guarded<unscale_gradients>>(env, "unscaleGradients"));
  exports.Set("updateScale", Napi::Function::New<guarded<update_scale>>(env, "updateScale"));
  exports.Set("scalerState", Napi::Function::New<guarded<scaler_state>>(env, "scalerState"));
  exports.Set("restoreScaler", Napi::Function::New<guarded<restore_scaler>>(env, "restoreScaler"));
  exports.Set("createEma", Napi::Function::New<guarded<create_ema>>(env, "createEma"));
  exports.Set("updateEma", Napi::Function::New<guarded<update_ema>>(env, "updateEma"));
  exports.Set("emaState", Napi::Function::New<guarded<ema_state>>(env, "emaState"));
}

}  // namespace mcloss::node
