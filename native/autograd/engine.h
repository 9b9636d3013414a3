#pragma once

namespace mcloss::autograd {

// Makes LibTorch ask the thread's mode where an operation saves what its backward needs. Once per process.
void install_engine();

}  // namespace mcloss::autograd
