#pragma once

#include <napi.h>

namespace mcloss::node {

// call(name: "aten::add.Tensor", args: any[], kwargs: object, grad: boolean): any operator of LibTorch's
// dispatcher, its arguments converted as its schema says.
Napi::Value call_operator(const Napi::CallbackInfo& info);

// schemaOf(name: "aten::add.Tensor"): the operator's schema as PyTorch writes it.
Napi::Value schema_of(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
