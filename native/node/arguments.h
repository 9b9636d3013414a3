#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <napi.h>

namespace mcloss::node {

// The operator's arguments from the JavaScript values after the first `skipped`, in the schema's order. What
// is undefined or not given has the schema's default.
torch::jit::Stack to_stack(const c10::FunctionSchema& schema, const Napi::CallbackInfo& info, size_t skipped);

// Whether JavaScript has values for arguments of this type, or lists of it.
bool can_convert_to(const c10::Type& type);

}  // namespace mcloss::node
