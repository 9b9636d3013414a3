#include "file_api.h"

#include <ATen/ops/empty.h>
#include <sys/file.h>

#include <cerrno>
#include <system_error>

namespace mcloss::node {
namespace {

io::File to_file(int64_t descriptor, const std::string& path) {
  return {static_cast<int>(descriptor), path};
}

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * std::max<int64_t>(shape[dim], 1);
  return strides;
}

}  // namespace

io::StoredTensor From<io::StoredTensor>::take(Capture& capture, const Napi::Value& value,
                                              std::string_view argument) {
  const Fields fields(capture, value, argument);
  auto shape = fields.get<std::vector<int64_t>>("shape");
  auto strides = fields.get<std::optional<std::vector<int64_t>>>("strides");
  if (!strides) strides = contiguous_strides(shape);
  return {fields.get<at::ScalarType>("dtype"), std::move(shape), std::move(*strides),
          fields.get<int64_t>("offset"), fields.get<std::optional<bool>>("swapped").value_or(false)};
}

std::vector<at::Tensor> read_tensors(int64_t descriptor, const std::string& path,
                                     const std::vector<io::StoredTensor>& stored) {
  std::vector<at::Tensor> tensors;
  for (const auto& entry : stored) tensors.push_back(at::empty(entry.shape, entry.dtype));
  io::read_tensors(to_file(descriptor, path), stored, tensors);
  return tensors;
}

void read_into(int64_t descriptor, const std::string& path, const std::vector<io::StoredTensor>& stored,
               const std::vector<Written>& tensors) {
  io::read_tensors(to_file(descriptor, path), stored, tensors_of(tensors));
}

void write_tensors(int64_t descriptor, const std::string& path, const std::vector<io::StoredTensor>& stored,
                   const std::vector<at::Tensor>& tensors) {
  io::write_tensors(to_file(descriptor, path), stored, tensors);
}

bool try_lock(int64_t descriptor) {
  if (::flock(static_cast<int>(descriptor), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw std::system_error(errno, std::generic_category(), "cannot lock the file");
}

}  // namespace mcloss::node
