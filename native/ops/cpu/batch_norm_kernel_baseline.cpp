#include "batch_norm_kernel.h"

#define MCLOSS_ISA baseline
#include "batch_norm_kernel_impl.h"
