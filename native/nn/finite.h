#pragma once

#include "state.h"

namespace mcloss::nn {

// Whether no element is infinite or not a number. Waits for the device.
bool is_finite(const State& state);

}  // namespace mcloss::nn
