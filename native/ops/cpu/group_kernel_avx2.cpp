#include "group_kernel.h"

#define MCLOSS_ISA avx2
#define MCLOSS_VECTOR_BYTES 32
#include "group_kernel_impl.h"
