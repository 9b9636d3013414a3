#include "batch_norm_kernel.h"

#define MCLOSS_ISA avx2
#include "batch_norm_kernel_impl.h"
