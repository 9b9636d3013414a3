#include "model_api.h"

#include "../nn/finite.h"
#include "convert.h"
#include "handle.h"
#include "operation_mode.h"

namespace mcloss::node {
namespace {

using ModelPointer = std::shared_ptr<nn::Model>;

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

nn::Initialization to_initialization(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "pytorch";
  if (name == "released") return nn::Initialization::kReleased;
  return name == "torchvision" ? nn::Initialization::kTorchvision : nn::Initialization::kPyTorch;
}

// createModel(spec: ModelSpec, seed | null): handle
Napi::Value create_model(const Napi::CallbackInfo& info) {
  const auto object = info[0].As<Napi::Object>();
  nn::ModelSpec spec;
  spec.layers = to_layer_specs(object.Get("layers"));
  spec.features = object.Get("features").As<Napi::String>();
  spec.initialization = to_initialization(object.Get("init"));
  std::optional<uint64_t> seed;
  if (info[1].IsNumber()) seed = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  return wrap(info.Env(), std::make_shared<nn::Model>(spec, seed));
}

// forward(model, images, training, mode, taps): Promise<{ features, logits, taps }>
Napi::Value forward(const Napi::CallbackInfo& info) {
  const auto model = unwrap<ModelPointer>(info[0], "model");
  const auto taps = to_strings(info[4]);
  for (const auto& name : taps) {
    if (!model->contains(name))
      throw CodedError("ERR_ARGUMENT", "taps name no layer: \"" + name + "\"", "taps");
  }
  auto mode = to_mode(info[3]);
  auto stack = mode.anomaly ? script_stack(info.Env()) : std::string();
  auto work = [model, taps, images = unwrap<at::Tensor>(info[1], "images"),
               training = info[2].As<Napi::Boolean>().Value(), mode = std::move(mode),
               stack = std::move(stack)] {
    const autograd::ModeGuard guard(mode);
    const autograd::ForwardTrace trace({images});
    auto output = model->forward(images, training, taps);
    if (mode.anomaly) trace.record({output.features, output.logits}, {"forward", stack});
    return output;
  };
  return Environment::of(info.Env())
      .executor.submit(info.Env(), std::move(work), [](Napi::Env env, nn::ModelOutput output) -> Napi::Value {
        auto result = Napi::Object::New(env);
        result.Set("features", wrap(env, std::move(output.features)));
        result.Set("logits", wrap(env, std::move(output.logits)));
        result.Set("taps", to_handles(env, std::move(output.taps)));
        return result;
      });
}

// modelState(model): { name, tensor, trainable }[]
Napi::Value model_state(const Napi::CallbackInfo& info) {
  return from_named_tensors(info.Env(), unwrap<ModelPointer>(info[0], "model")->state().entries());
}

// modelTo(model, { device?, dtype?, channelsLast? }): Promise<void>
Napi::Value model_to(const Napi::CallbackInfo& info) {
  const auto options = info[1].As<Napi::Object>();
  const Napi::Value device = options.Get("device"), dtype = options.Get("dtype"),
                    channels_last = options.Get("channelsLast");
  nn::Placement placement;
  if (device.IsString()) placement.device = c10::Device(device.As<Napi::String>().Utf8Value());
  if (dtype.IsString()) placement.dtype = dtype_from_name(dtype.As<Napi::String>());
  if (channels_last.IsBoolean()) {
    placement.kernel_format = channels_last.As<Napi::Boolean>().Value() ? at::MemoryFormat::ChannelsLast
                                                                        : at::MemoryFormat::Contiguous;
  }
  auto work = [model = unwrap<ModelPointer>(info[0], "model"), placement] {
    model->state().convert(placement);
    return true;
  };
  const auto settle = [](Napi::Env env, bool) -> Napi::Value {
    Environment::of(env).reconcile_memory();
    return env.Undefined();
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), settle);
}

// isFinite(model): Promise<boolean>, whether no weight is infinite or not a number
Napi::Value is_finite(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model")] { return nn::is_finite(model->state()); };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), Napi::Boolean::New);
}

// freeze(model, positions in modelState(), frozen)
Napi::Value freeze(const Napi::CallbackInfo& info) {
  const auto positions = to_int_list(info[1], "positions");
  unwrap<ModelPointer>(info[0], "model")
      ->state()
      .set_frozen({positions.begin(), positions.end()}, info[2].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

}  // namespace

void export_model_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("createModel", Napi::Function::New<guarded<create_model>>(env, "createModel"));
  exports.Set("forward", Napi::Function::New<guarded<forward>>(env, "forward"));
  exports.Set("modelState", Napi::Function::New<guarded<model_state>>(env, "modelState"));
  exports.Set("isFinite", Napi::Function::New<guarded<is_finite>>(env, "isFinite"));
  exports.Set("freeze", Napi::Function::New<guarded<freeze>>(env, "freeze"));
  exports.Set("modelTo", Napi::Function::New<guarded<model_to>>(env, "modelTo"));
}

}  // namespace mcloss::node
