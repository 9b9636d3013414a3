#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Scalar.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "from_script.h"
#include "to_script.h"

namespace mcloss::node {

// What can be said of a tensor without its values.
struct TensorDescription {
  std::vector<int64_t> shape;
  std::string dtype;
  std::string device;
  bool requires_grad;
};
template <>
struct To<TensorDescription> {
  static Napi::Value give(Napi::Env env, TensorDescription description);
};
// number | bigint | boolean | { kind: "complex", re, im }
template <>
struct To<c10::Scalar> {
  static Napi::Value give(Napi::Env env, const c10::Scalar& scalar);
};

// The elements of a tensor that readable() gave, as a typed array.
struct Elements {
  at::Tensor readable;
};
template <>
struct To<Elements> {
  static Napi::Value give(Napi::Env env, const Elements& elements);
};

at::Tensor tensor_from_data(const Napi::Value& data, const std::vector<int64_t>& shape, at::ScalarType dtype,
                            c10::Device device, bool requires_grad, const CallMode& mode);
std::vector<int64_t> shape(const at::Tensor& tensor);
int64_t ndim(const at::Tensor& tensor);
TensorDescription describe_tensor(const at::Tensor& tensor);
c10::Scalar item(const at::Tensor& tensor);
Elements data(const at::Tensor& tensor);
// Of no tensor, for an operator to fill; takes nothing.
Napi::Value empty_handle(const Napi::CallbackInfo& info);
// Idempotent.
Napi::Value dispose(const Napi::CallbackInfo& info);

at::Generator generator(uint64_t seed, c10::Device device);
// LibTorch's own, which dropout draws from.
at::Generator default_generator(c10::Device device);
// uint8 [bytes]
at::Tensor generator_state(const at::Generator& generator);
void restore_generator(at::Generator generator, const at::Tensor& state);
// Seeds LibTorch's own generators, of every device.
void manual_seed(uint64_t seed);

}  // namespace mcloss::node
