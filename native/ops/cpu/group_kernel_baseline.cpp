#include "group_kernel.h"

#define MCLOSS_ISA baseline
#define MCLOSS_VECTOR_BYTES 16
#include "group_kernel_impl.h"
