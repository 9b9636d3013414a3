#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <napi.h>

#include <optional>
#include <string>
#include <vector>

namespace mcloss::node {

// An operator that JavaScript has asked for, and knows by its place among them.
struct Operator {
  Operator(c10::OperatorHandle found, std::string full_name);

  c10::OperatorHandle handle;
  std::string name;  // "aten::add.Tensor"
  // For each result, the argument that it is: what the schema writes as Tensor(a!) in both.
  std::vector<std::optional<size_t>> written;
};

// findOperator(name: "aten::add.Tensor"): { id, schema, parameters: names, written: (index | null)[] }
Napi::Value find_operator(const Napi::CallbackInfo& info);

// listOperators(): { name, schema, unsupported: types }[], every operator of the dispatcher that has a
// schema; `unsupported` are the types of arguments and results that cannot cross.
Napi::Value list_operators(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
