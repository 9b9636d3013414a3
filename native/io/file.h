#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mcloss::io {

// An open file descriptor. Every method throws std::system_error, whose text names the path.
class File {
 public:
  static File open_for_reading(const std::string& path);
  // Fails if the file exists.
  static File create(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read_at(void* data, size_t bytes, int64_t offset) const;
  void write(const void* data, size_t bytes);
  // Forces the content to the disk.
  void sync();
  void close();

 private:
  File(std::string path, int flags);
  [[noreturn]] void fail(const char* action) const;

  std::string path_;
  int descriptor_;
};

// Renames `from` to `to` and syncs the folder, so that the new name survives a crash.
void rename_durably(const std::string& from, const std::string& to);

}  // namespace mcloss::io
