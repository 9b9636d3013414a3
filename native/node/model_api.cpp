#include "model_api.h"

#include "../autograd/anomaly.h"
#include "../nn/finite.h"
#include "../train/autocast.h"

namespace mcloss::node {
namespace {

nn::LayerSpec to_layer_spec(const Napi::Object& object);

std::vector<nn::LayerSpec> to_layer_specs(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<nn::LayerSpec> specs;
  for (uint32_t i = 0; i < array.Length(); ++i)
    specs.push_back(to_layer_spec(Napi::Value(array[i]).As<Napi::Object>()));
  return specs;
}

nn::Attribute to_attribute(const Napi::Value& value, const std::string& key) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  return to_int_list(value, key);
}

nn::LayerSpec to_layer_spec(const Napi::Object& object) {
  nn::LayerSpec spec;
  for (const std::string& key : to_strings(object.GetPropertyNames())) {
    const Napi::Value value = object.Get(key);
    if (value.IsUndefined()) continue;
    if (key == "type") {
      spec.type = value.As<Napi::String>();
    } else if (key == "name") {
      spec.name = value.As<Napi::String>();
    } else if (key == "layers") {
      spec.layers = to_layer_specs(value);
    } else if (key == "branches") {
      spec.branches = to_layer_specs(value);
    } else if (key == "shortcut") {
      spec.shortcut.push_back(to_layer_spec(value.As<Napi::Object>()));
    } else {
      spec.attributes.emplace(key, to_attribute(value, key));
    }
  }
  return spec;
}

nn::Initialization to_initialization(const std::optional<std::string>& name) {
  if (name == "released") return nn::Initialization::kReleased;
  return name == "torchvision" ? nn::Initialization::kTorchvision : nn::Initialization::kPyTorch;
}

nn::ModelOutput run(const nn::Model& model, const at::Tensor& images, bool training, const CallMode& mode,
                    const std::vector<std::string>& taps, std::optional<at::ScalarType> autocast,
                    const std::optional<std::string>& frozen = {}) {
  for (const auto& name : taps) {
    if (!model.contains(name))
      throw CodedError("ERR_ARGUMENT", "taps name no layer: \"" + name + "\"", "taps");
  }
  const autograd::ModeGuard guard(mode.mode);
  const autograd::ForwardTrace trace({images});
  const train::Autocast precision(images.device().type(), autocast);
  if (frozen && taps.empty() && !mode.mode.anomaly) return model.infer(images, *frozen == "packed");
  auto output = model.forward(images, training, taps);
  if (mode.mode.anomaly) trace.record({output.features, output.logits}, {"forward", mode.stack});
  return output;
}

}  // namespace

nn::ModelSpec From<nn::ModelSpec>::take(Capture& capture, const Napi::Value& value,
                                        std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {to_layer_specs(fields.raw("layers")), fields.get<std::string>("features"),
          to_initialization(fields.get<std::optional<std::string>>("init"))};
}

nn::Placement From<nn::Placement>::take(Capture& capture, const Napi::Value& value,
                                        std::string_view argument) {
  const Fields fields(capture, value, argument);
  nn::Placement placement{fields.get<std::optional<c10::Device>>("device"),
                          fields.get<std::optional<at::ScalarType>>("dtype")};
  if (const auto channels_last = fields.get<std::optional<bool>>("channelsLast")) {
    placement.kernel_format = *channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  }
  return placement;
}

Napi::Value To<nn::NamedTensor>::give(Napi::Env env, const nn::NamedTensor& entry) {
  auto object = Napi::Object::New(env);
  object.Set("name", entry.name);
  give_field(object, "tensor", entry.tensor);
  object.Set("trainable", entry.trainable);
  return object;
}

Napi::Value To<nn::ModelOutput>::give(Napi::Env env, nn::ModelOutput output) {
  auto object = Napi::Object::New(env);
  give_field(object, "features", std::move(output.features));
  give_field(object, "logits", std::move(output.logits));
  give_field(object, "taps", std::move(output.taps));
  return object;
}

Napi::Value To<MemoryMoved>::give(Napi::Env env, MemoryMoved) {
  Environment::of(env).ledger.reconcile();
  return env.Undefined();
}

ModelPointer create_model(const nn::ModelSpec& spec, std::optional<uint64_t> seed) {
  return std::make_shared<nn::Model>(spec, seed);
}

nn::ModelOutput forward(const ConstModelPointer& model, const at::Tensor& images, const CallMode& mode,
                        const std::vector<std::string>& taps, std::optional<at::ScalarType> autocast,
                        const std::optional<std::string>& frozen) {
  return run(*model, images, /*training=*/false, mode, taps, autocast, frozen);
}

nn::ModelOutput forward_training(const ModelPointer& model, const at::Tensor& images, const CallMode& mode,
                                 const std::vector<std::string>& taps,
                                 std::optional<at::ScalarType> autocast) {
  return run(*model, images, /*training=*/true, mode, taps, autocast);
}

std::vector<nn::NamedTensor> model_state(const ConstModelPointer& model) {
  const auto& entries = model->state().entries();
  return {entries.begin(), entries.end()};
}

std::vector<at::Tensor> model_gradients(const ConstModelPointer& model) {
  std::vector<at::Tensor> gradients;
  for (const auto& entry : model->state().entries()) {
    const auto& gradient = entry.tensor.grad();
    gradients.push_back(gradient.defined() ? gradient.detach().clone() : at::Tensor());
  }
  return gradients;
}

MemoryMoved model_to(const Moved<nn::Model>& model, const nn::Placement& placement) {
  model.object->leave_inference();
  model.object->state().convert(placement);
  return {};
}

bool is_finite(const ConstModelPointer& model) {
  return nn::is_finite(model->state());
}

void freeze(const ModelPointer& model, const std::vector<int64_t>& positions, bool frozen) {
  model->state().set_frozen({positions.begin(), positions.end()}, frozen);
}

}  // namespace mcloss::node
