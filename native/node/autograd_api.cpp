#include "autograd_api.h"

#include <torch/csrc/autograd/autograd.h>

#include "handle.h"

namespace mcloss::node {
namespace {

// backward(tensor, gradient | null, retainGraph): Promise<void>
Napi::Value backward(const Napi::CallbackInfo& info) {
  at::Tensor gradient;
  if (!info[1].IsNull()) gradient = unwrap<at::Tensor>(info[1], "gradient");
  auto work = [tensor = unwrap<at::Tensor>(info[0], "tensor"), gradient,
               retain_graph = info[2].As<Napi::Boolean>().Value()] {
    tensor.backward(gradient, retain_graph);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// grad(tensor): handle | null
Napi::Value grad(const Napi::CallbackInfo& info) {
  const auto& gradient = unwrap<at::Tensor>(info[0], "tensor").grad();
  return gradient.defined() ? wrap(info.Env(), gradient) : Napi::Value(info.Env().Null());
}

// clearGrad(tensor)
Napi::Value clear_grad(const Napi::CallbackInfo& info) {
  unwrap<at::Tensor>(info[0], "tensor").mutable_grad().reset();
  return info.Env().Undefined();
}

// null stands for an undefined tensor.
std::vector<at::Tensor> to_optional_tensors(const Napi::Value& value, const std::string& argument) {
  const auto array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array[i];
    const std::string name = argument + "[" + std::to_string(i) + "]";
    tensors.push_back(element.IsNull() ? at::Tensor() : unwrap<at::Tensor>(element, name));
  }
  return tensors;
}

// gradients(outputs, inputs, gradients of the outputs, retainGraph, createGraph): Promise<(handle | null)[]>
Napi::Value gradients(const Napi::CallbackInfo& info) {
  auto work = [outputs = to_optional_tensors(info[0], "outputs"),
               inputs = to_optional_tensors(info[1], "inputs"),
               upstream = to_optional_tensors(info[2], "gradients"),
               retain_graph = info[3].As<Napi::Boolean>().Value(),
               create_graph = info[4].As<Napi::Boolean>().Value()] {
    return torch::autograd::grad(outputs, inputs, upstream, retain_graph, create_graph,
                                 /*allow_unused=*/true);
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), to_handles);
}

}  // namespace

void export_autograd_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("backward", Napi::Function::New<guarded<backward>>(env, "backward"));
  exports.Set("grad", Napi::Function::New<guarded<grad>>(env, "grad"));
  exports.Set("clearGrad", Napi::Function::New<guarded<clear_grad>>(env, "clearGrad"));
  exports.Set("gradients", Napi::Function::New<guarded<gradients>>(env, "gradients"));
}

}  // namespace mcloss::node
