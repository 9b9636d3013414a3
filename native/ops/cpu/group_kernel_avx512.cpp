#include "group_kernel.h"

#define MCLOSS_ISA avx512
#define MCLOSS_VECTOR_BYTES 64
#include "group_kernel_impl.h"
