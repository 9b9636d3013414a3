#include "file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace mcloss::io {

File::File(int descriptor, std::string path)
    : path_(std::move(path)), descriptor_(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {
  if (descriptor_ < 0) fail(errno, "open");
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void File::read_at(void* data, size_t bytes, int64_t offset) const {
  auto* target = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::pread(descriptor_, target, bytes, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, "read");
    if (count == 0) fail(EIO, "read past the end of");
    target += count;
    offset += count;
    bytes -= static_cast<size_t>(count);
  }
}

void File::expect_reads(int64_t offset, int64_t bytes) const {
  ::posix_fadvise(descriptor_, offset, bytes, POSIX_FADV_WILLNEED);
}

void File::write_at(const void* data, size_t bytes, int64_t offset) const {
  const auto* source = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::pwrite(descriptor_, source, bytes, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, "write");
    source += count;
    offset += count;
    bytes -= static_cast<size_t>(count);
  }
}

void File::fail(int error, const char* action) const {
  throw std::system_error(error, std::generic_category(), std::string("cannot ") + action + " " + path_);
}

}  // namespace mcloss::io
