#pragma once

namespace mcloss {

// Lets LibTorch's CPU tensors reuse large blocks of memory, in huge pages where the system has them. By
// default each block goes back to the system when it is freed, and the next one's small pages are cleared one
// fault at a time, which at the size of a batch of features costs more than the loss itself. A training step
// asks for the same sizes as the step before, so free blocks are kept by their exact size, up to 1 GiB in
// all, the oldest going first. Does its work once per process.
void install_block_cache();

}  // namespace mcloss
