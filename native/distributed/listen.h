#pragma once

#include <cstdint>
#include <string>

namespace mcloss::distributed {

// A socket that listens at a numeric address of this machine and at no other. Throws DistributedError.
int listen_at(const std::string& address, uint16_t port);

}  // namespace mcloss::distributed
