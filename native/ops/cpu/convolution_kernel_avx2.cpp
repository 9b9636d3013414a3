#include "convolution_kernel.h"

#define MCLOSS_ISA avx2
#define MCLOSS_VECTOR_BYTES 32
#define MCLOSS_ROWS 6
#define MCLOSS_VECTORS 2
#include "convolution_kernel_impl.h"
