#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mcloss::io {

// A file that is open elsewhere: holds a duplicate of its descriptor, so that it may be closed there
// meanwhile. Every method throws std::system_error, whose text names `path`. Reads and writes may come from
// several threads.
class File {
 public:
  File(int descriptor, std::string path);
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read_at(void* data, size_t bytes, int64_t offset) const;
  // Has the system read ahead: reads of several threads look random to it.
  void expect_reads(int64_t offset, int64_t bytes) const;
  void write_at(const void* data, size_t bytes, int64_t offset) const;

 private:
  [[noreturn]] void fail(int error, const char* action) const;

  std::string path_;
  int descriptor_;
};

}  // namespace mcloss::io
