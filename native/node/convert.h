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
// Beyond 2^53 a BigInt.
Napi::Value to_number(Napi::Env env, int64_t value);
Napi::Value to_number(Napi::Env env, uint64_t value);

// A copy of the array's elements as a CPU tensor of `shape`.
at::Tensor copy_to_tensor(const Napi::TypedArray& array, at::IntArrayRef shape);
// A typed array with the elements of a tensor that readable() gave.
Napi::Value copy_to_typed_array(Napi::Env env, const at::Tensor& readable);
// The tensor as contiguous CPU memory of a dtype that a typed array can hold: floating-point numbers of 16
// and 8 bits become float32, complex ones pairs of real ones, packed ones of 4 bits the bytes that hold them.
at::Tensor readable(const at::Tensor& tensor);

}  // namespace mcloss::node
