#pragma once

#include <ATen/core/ivalue.h>
#include <napi.h>

namespace mcloss::node {

// An operator's result of the schema's `type`. Tensors are handles; lists and tuples arrays; dictionaries
// arrays of pairs; complex numbers { kind: "complex", re, im }; LibTorch's own objects { kind: "object",
// handle }.
Napi::Value from_ivalue(Napi::Env env, c10::IValue value, const c10::Type& type);

Napi::Value from_scalar(Napi::Env env, const c10::Scalar& scalar);

// Whether from_ivalue() takes results of this type.
bool can_convert_from(const c10::Type& type);

}  // namespace mcloss::node
