#include "listen.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "distributed_error.h"

namespace mcloss::distributed {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};

[[noreturn]] void fail(const std::string& address, uint16_t port, const std::string& reason) {
  throw DistributedError("cannot listen at " + address + ", port " + std::to_string(port) + ": " + reason);
}

std::unique_ptr<addrinfo, FreeAddresses> parse(const std::string& address, uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) fail(address, port, ::gai_strerror(error));
  return std::unique_ptr<addrinfo, FreeAddresses>(found);
}

}  // namespace

int listen_at(const std::string& address, uint16_t port) {
  const auto parsed = parse(address, port);
  const int one = 1;
  const int socket = ::socket(parsed->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  // A port that was left a moment ago may be taken anew.
  if (socket >= 0 && ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
      ::bind(socket, parsed->ai_addr, parsed->ai_addrlen) == 0 && ::listen(socket, SOMAXCONN) == 0)
    return socket;
  const auto reason = std::system_category().message(errno);
  if (socket >= 0) ::close(socket);
  fail(address, port, reason);
}

}  // namespace mcloss::distributed
