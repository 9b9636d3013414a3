#include "safetensors.h"

#include <ATen/ops/empty.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "file.h"

namespace mcloss::io {
namespace {

// Removes the temporary file unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  void rename_to(const std::string& target) {
    rename_durably(path_, target);
    path_.clear();
  }

 private:
  std::string path_;
};

}  // namespace

std::vector<at::Tensor> read_tensors(const std::string& path, const std::vector<TensorEntry>& entries) {
  const File file = File::open_for_reading(path);
  std::vector<at::Tensor> tensors;
  for (const auto& entry : entries) {
    auto tensor = at::empty(entry.shape, entry.dtype);
    file.read_at(tensor.mutable_data_ptr(), tensor.nbytes(), entry.offset);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void write_safetensors(const std::string& path, const std::string& header,
                       const std::vector<at::Tensor>& tensors) {
  static std::atomic<int> count{0};  // threads of one process may write at once
  TemporaryFile temporary(path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
  std::error_code ignored;
  std::filesystem::remove(temporary.path(), ignored);  // left by a killed process that had the same id
  File file = File::create(temporary.path());
  const uint64_t length = header.size();  // little-endian, as every platform LibTorch runs on
  file.write(&length, sizeof(length));
  file.write(header.data(), header.size());
  for (const auto& tensor : tensors) {
    const auto bytes = tensor.detach().to(at::kCPU).contiguous();
    file.write(bytes.const_data_ptr(), bytes.nbytes());
  }
  file.sync();
  file.close();
  temporary.rename_to(path);
}

}  // namespace mcloss::io
