#include "convolution_kernel.h"

#define MCLOSS_ISA avx512
#define MCLOSS_VECTOR_BYTES 64
#define MCLOSS_ROWS 6
#define MCLOSS_VECTORS 4
#include "convolution_kernel_impl.h"
