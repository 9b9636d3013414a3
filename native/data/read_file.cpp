#include "read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mcloss::data {
namespace {

class Descriptor {
 public:
  // Opening a pipe would wait for its writer.
  explicit Descriptor(const std::string& path)
      : value_(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }

 private:
  int value_;
};

// The bytes of a regular file; none of anything else.
size_t size_of(int descriptor) {
  // fstat() has a new version in glibc 2.33, above what LibTorch itself needs.
  struct statx status {};
  const unsigned int asked = STATX_TYPE | STATX_SIZE;
  if (statx(descriptor, "", AT_EMPTY_PATH, asked, &status) != 0 || !S_ISREG(status.stx_mode)) return 0;
  return status.stx_size;
}

// Whether the file had so many bytes.
bool read_all(int descriptor, uint8_t* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const auto count = read(descriptor, bytes + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

}  // namespace

FileBytes read_file(const std::string& path, size_t most) {
  if (path.find('\0') != std::string::npos) return {};
  const Descriptor file(path);
  if (file.get() < 0) return {};
  const auto size = size_of(file.get());
  // Files of the kernel say that they have none.
  if (size == 0 || size > most) return {};
  auto bytes = std::make_unique_for_overwrite<uint8_t[]>(size);
  if (!read_all(file.get(), bytes.get(), size)) return {};
  return {std::move(bytes), size};
}

}  // namespace mcloss::data
