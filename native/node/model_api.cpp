#include "model_api.h"

#include <ATen/core/grad_mode.h>

#include "convert.h"
#include "handle.h"

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

// createModel(spec: ModelSpec, seed): handle
Napi::Value create_model(const Napi::CallbackInfo& info) {
  const auto object = info[0].As<Napi::Object>();
  nn::ModelSpec spec;
  spec.layers = to_layer_specs(object.Get("layers"));
  spec.features = object.Get("features").As<Napi::String>();
  const Napi::Value init = object.Get("init");
  if (init.IsString() && init.As<Napi::String>().Utf8Value() == "released") {
    spec.initialization = nn::Initialization::kReleased;
  }
  const auto seed = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  return wrap(info.Env(), std::make_shared<nn::Model>(spec, seed));
}

// forward(model, images, training, grad): Promise<{ features, logits }>
Napi::Value forward(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model"), images = unwrap<at::Tensor>(info[1], "images"),
               training = info[2].As<Napi::Boolean>().Value(), grad = info[3].As<Napi::Boolean>().Value()] {
    const at::AutoGradMode grad_mode(grad);
    return model->forward(images, training);
  };
  return Environment::of(info.Env())
      .executor.submit(info.Env(), std::move(work), [](Napi::Env env, nn::ModelOutput output) -> Napi::Value {
        auto result = Napi::Object::New(env);
        result.Set("features", wrap(env, std::move(output.features)));
        result.Set("logits", wrap(env, std::move(output.logits)));
        return result;
      });
}

// modelState(model): { name, tensor, trainable }[]
Napi::Value model_state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& entries = unwrap<ModelPointer>(info[0], "model")->state().entries();
  auto result = Napi::Array::New(env, entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", entries[i].name);
    entry.Set("tensor", wrap(env, entries[i].tensor));
    entry.Set("trainable", entries[i].trainable);
    result[i] = entry;
  }
  return result;
}

// modelTo(model, device): Promise<void>
Napi::Value model_to(const Napi::CallbackInfo& info) {
  auto work = [model = unwrap<ModelPointer>(info[0], "model"),
               device = c10::Device(info[1].As<Napi::String>().Utf8Value())] {
    model->state().move_to(device);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

}  // namespace

void export_model_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("createModel", Napi::Function::New<guarded<create_model>>(env, "createModel"));
  exports.Set("forward", Napi::Function::New<guarded<forward>>(env, "forward"));
  exports.Set("modelState", Napi::Function::New<guarded<model_state>>(env, "modelState"));
  exports.Set("modelTo", Napi::Function::New<guarded<model_to>>(env, "modelTo"));
}

}  // namespace mcloss::node
