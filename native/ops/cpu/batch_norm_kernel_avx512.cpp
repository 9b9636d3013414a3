#include "batch_norm_kernel.h"

#define MCLOSS_ISA avx512
#include "batch_norm_kernel_impl.h"
