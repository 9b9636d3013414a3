#pragma once

#include <ATen/core/Tensor.h>
#include <napi.h>

#include <string>
#include <vector>

namespace mcloss::node {

// dtypes by the names of the TypeScript API: "float32", "int64", "bool", ...
at::ScalarType dtype_from_name(const std::string& name);
std::string dtype_name(at::ScalarType type);

// The dtype whose elements lie in a typed array.
at::ScalarType dtype_of(const Napi::TypedArray& array);

std::vector<int64_t> to_int_list(const Napi::Value& value, const std::string& argument);
Napi::Array to_array(Napi::Env env, at::IntArrayRef values);
std::vector<std::string> to_strings(const Napi::Value& value);
Napi::Value to_number(Napi::Env env, int64_t value);

// A copy of the array's elements as a CPU tensor of `shape`.
at::Tensor copy_to_tensor(const Napi::TypedArray& array, at::IntArrayRef shape);
// A typed array with the tensor's elements; half types become Float32Array. The tensor must be readable().
Napi::Value copy_to_typed_array(Napi::Env env, const at::Tensor& readable);
// The tensor as contiguous CPU memory of a dtype that a typed array can hold.
at::Tensor readable(const at::Tensor& tensor);

}  // namespace mcloss::node
