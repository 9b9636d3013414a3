#pragma once

#include "fused.h"

namespace mcloss {

// The shapes and types of fused()'s results, without data.
decltype(fused) fused_meta;

}  // namespace mcloss
