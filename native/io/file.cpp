#include "file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace mcloss::io {
namespace {

[[noreturn]] void fail_with(int error, const std::string& action, const std::string& path) {
  throw std::system_error(error, std::generic_category(), "cannot " + action + " " + path);
}

}  // namespace

File::File(std::string path, int flags)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), flags, 0666)) {
  if (descriptor_ < 0) fail("open");
}

File File::open_for_reading(const std::string& path) {
  return File(path, O_RDONLY | O_CLOEXEC);
}

File File::create(const std::string& path) {
  return File(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void File::read_at(void* data, size_t bytes, int64_t offset) const {
  auto* target = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::pread(descriptor_, target, bytes, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read");
    if (count == 0) fail_with(EIO, "read past the end of", path_);
    target += count;
    offset += count;
    bytes -= static_cast<size_t>(count);
  }
}

void File::write(const void* data, size_t bytes) {
  const auto* source = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::write(descriptor_, source, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write");
    source += count;
    bytes -= static_cast<size_t>(count);
  }
}

void File::sync() {
  if (::fsync(descriptor_) != 0) fail("sync");
}

void File::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("close");
}

void File::fail(const char* action) const {
  fail_with(errno, action, path_);
}

void rename_durably(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) fail_with(errno, "rename a temporary file to", to);
  const auto parent = std::filesystem::path(to).parent_path();
  File::open_for_reading(parent.empty() ? "." : parent.string()).sync();
}

}  // namespace mcloss::io
