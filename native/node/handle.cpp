#include "handle.h"

namespace mcloss::node {
namespace {

const char kAnchor = 0;

}  // namespace

uint64_t addon_copy() {
  return reinterpret_cast<uintptr_t>(&kAnchor);
}

}  // namespace mcloss::node
