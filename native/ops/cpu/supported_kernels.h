#pragma once

#include <vector>

#include "group_kernel.h"

namespace mcloss::cpu {

template <class T>
struct NamedKernel {
  const char* name;
  GroupKernel<T> kernel;
};

// A kernel for each instruction set that this processor has, the fastest first.
template <class T>
const std::vector<NamedKernel<T>>& supported_kernels();

}  // namespace mcloss::cpu
