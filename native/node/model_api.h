#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../nn/model.h"
#include "from_script.h"
#include "to_script.h"

namespace mcloss::node {

template <>
struct From<nn::ModelSpec> {
  static nn::ModelSpec take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
template <>
struct From<nn::Placement> {
  static nn::Placement take(Capture& capture, const Napi::Value& value, std::string_view argument);
};
// { name, tensor, trainable }; the tensor shares the entry's memory.
template <>
struct To<nn::NamedTensor> {
  static Napi::Value give(Napi::Env env, const nn::NamedTensor& entry);
};
template <>
struct To<nn::ModelOutput> {
  static Napi::Value give(Napi::Env env, nn::ModelOutput output);
};

using ModelPointer = std::shared_ptr<nn::Model>;
// Of a model that is only read.
using ConstModelPointer = std::shared_ptr<const nn::Model>;

// Tells V8 at the end how much memory was moved.
struct MemoryMoved {};
template <>
struct To<MemoryMoved> {
  static Napi::Value give(Napi::Env env, MemoryMoved);
};

// Without a seed the weights have no values yet.
ModelPointer create_model(const nn::ModelSpec& spec, std::optional<uint64_t> seed);
// `frozen` is "packed" or "plain" (by LibTorch's own operators) for an inference plan, where nothing but the
// outputs is asked for.
nn::ModelOutput forward(const ConstModelPointer& model, const at::Tensor& images, const CallMode& mode,
                        const std::vector<std::string>& taps, std::optional<at::ScalarType> autocast,
                        const std::optional<std::string>& frozen);
// The same in training: the running statistics move.
nn::ModelOutput forward_training(const ModelPointer& model, const at::Tensor& images, const CallMode& mode,
                                 const std::vector<std::string>& taps,
                                 std::optional<at::ScalarType> autocast);
std::vector<nn::NamedTensor> model_state(const ConstModelPointer& model);
// Copies of the parameters' gradients, in the order of model_state(); null where there is none.
std::vector<at::Tensor> model_gradients(const ConstModelPointer& model);
MemoryMoved model_to(const Moved<nn::Model>& model, const nn::Placement& placement);
// Whether no weight is infinite or not a number.
bool is_finite(const ConstModelPointer& model);
// `positions` in model_state().
void freeze(const ModelPointer& model, const std::vector<int64_t>& positions, bool frozen);

}  // namespace mcloss::node
