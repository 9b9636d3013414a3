#include "process_settings.h"

#include <ATen/Context.h>

#include <cstdlib>
#include <string_view>

#include "../autograd/engine.h"
#include "../autograd/generator.h"
#include "../memory/block_cache.h"

namespace mcloss::node {
namespace {

bool is_set(const char* variable, std::string_view value) {
  const char* given = std::getenv(variable);
  return given && given == value;
}

}  // namespace

void apply_process_settings() {
  // Training steps ask for the same large blocks again and again; clearing new pages costs more than the
  // loss.
  if (!is_set("MCLOSS_ALLOCATOR", "system")) install_block_cache();
  // oneDNN has the same convolutions, and NNPACK warns at each of them on processors that it does not know.
  if (!is_set("MCLOSS_NNPACK", "on")) at::globalContext().setUserEnabledNNPACK(false);
  // The engine is the only place where C++ may decide what is saved for backward, which checkpoint() does.
  if (!is_set("MCLOSS_ENGINE", "libtorch")) autograd::install_engine();
  // Of two trainings in worker threads each would take random numbers that are the other's.
  if (!is_set("MCLOSS_GENERATOR", "libtorch")) autograd::install_generators();
}

}  // namespace mcloss::node
