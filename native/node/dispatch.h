#pragma once

#include <napi.h>

namespace mcloss::node {

// call(id, mode, empty handle | undefined, ...arguments): any operator of LibTorch's dispatcher that
// findOperator() knows, its arguments converted as its schema says. A result that is one of the arguments
// comes as undefined; a single tensor is put into the empty handle, which is then the result.
Napi::Value call_operator(const Napi::CallbackInfo& info);

// callInTurn(id, mode, ...arguments): the same as a job.
Napi::Value call_in_turn(const Napi::CallbackInfo& info);

}  // namespace mcloss::node
