#pragma once

#include <napi.h>

#include <span>

#include "bind.h"

namespace mcloss::node {

// Every function that JavaScript can call, and where it runs; lib/native/binding.ts says the same in
// TypeScript, which a test compares.
std::span<const Row> function_table();

}  // namespace mcloss::node
