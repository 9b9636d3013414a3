#pragma once

#include <cuda_runtime_api.h>

#include "../prepare_arguments.h"
#include "kernels.h"

namespace mcloss::cuda {

// Neither waits for the device nor allocates; returns the launch's error. `type` is of the output, not
// kDouble.
cudaError_t launch_prepare(const PrepareArguments& arguments, Type type, cudaStream_t stream);

}  // namespace mcloss::cuda
