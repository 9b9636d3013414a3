#include "stored_tensor.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace mcloss::io {
namespace {

// What is read or written at once: large enough for the system, small enough for a processor's own cache.
constexpr int64_t kPartBytes = int64_t{1} << 20;

// A stored tensor, or a slice of one, beside the memory of the same shape.
struct Part {
  StoredTensor stored;
  at::Tensor memory;
};

int64_t item_bytes(const StoredTensor& stored) {
  return static_cast<int64_t>(c10::elementSize(stored.dtype));
}

// The bytes from the first element to the end of the last. Strides are not negative.
int64_t span_bytes(const StoredTensor& stored) {
  int64_t last = 0;
  for (size_t dim = 0; dim < stored.shape.size(); ++dim)
    last += (stored.shape[dim] - 1) * stored.strides[dim];
  return (last + 1) * item_bytes(stored);
}

size_t outermost_dim(const StoredTensor& stored) {
  size_t outermost = 0;
  int64_t farthest = 0;
  for (size_t dim = 0; dim < stored.shape.size(); ++dim) {
    if (stored.shape[dim] < 2 || stored.strides[dim] <= farthest) continue;
    farthest = stored.strides[dim];
    outermost = dim;
  }
  return outermost;
}

Part slice(const Part& part, size_t dim, int64_t start, int64_t length) {
  Part sliced{part.stored, part.memory.narrow(static_cast<int64_t>(dim), start, length)};
  sliced.stored.shape[dim] = length;
  sliced.stored.offset += start * part.stored.strides[dim] * item_bytes(part.stored);
  return sliced;
}

// Halves the part where it is longest in the file until every piece spans no more than kPartBytes.
void split(Part part, std::vector<Part>& pieces) {
  if (span_bytes(part.stored) <= kPartBytes) return pieces.push_back(std::move(part));
  const size_t dim = outermost_dim(part.stored);
  const int64_t length = part.stored.shape[dim];
  split(slice(part, dim, 0, length / 2), pieces);
  split(slice(part, dim, length / 2, length - length / 2), pieces);
}

// The pieces of all tensors, in the order of the file.
std::vector<Part> split_all(const std::vector<StoredTensor>& stored, const std::vector<at::Tensor>& tensors) {
  std::vector<Part> pieces;
  for (size_t i = 0; i < stored.size(); ++i) {
    TORCH_CHECK_TYPE(tensors[i].layout() == at::kStrided,
                     "a sparse tensor has no place in a file: to_dense()");
    TORCH_INTERNAL_ASSERT(tensors[i].sizes() == at::IntArrayRef(stored[i].shape));
    if (tensors[i].numel() > 0) split({stored[i], tensors[i].detach()}, pieces);
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Part& a, const Part& b) { return a.stored.offset < b.stored.offset; });
  return pieces;
}

// Whether the bytes in memory are those in the file, without gaps.
bool is_same_memory(const Part& part) {
  const auto& [stored, memory] = part;
  if (!memory.is_cpu() || memory.scalar_type() != stored.dtype || memory.is_conj() || memory.is_neg()) {
    return false;
  }
  for (size_t dim = 0; dim < stored.shape.size(); ++dim) {
    if (stored.shape[dim] > 1 && stored.strides[dim] != memory.stride(static_cast<int64_t>(dim)))
      return false;
  }
  return span_bytes(stored) == static_cast<int64_t>(memory.nbytes());
}

void swap_bytes(char* data, int64_t bytes, at::ScalarType dtype) {
  const auto unit = static_cast<int64_t>(c10::elementSize(c10::toRealValueType(dtype)));
  for (int64_t i = 0; i < bytes; i += unit) std::reverse(data + i, data + i + unit);
}

void read_bytes(const File& file, const StoredTensor& stored, char* data) {
  const int64_t bytes = span_bytes(stored);
  file.read_at(data, static_cast<size_t>(bytes), stored.offset);
  if (stored.swapped) swap_bytes(data, bytes, stored.dtype);
}

at::Tensor view_of(char* data, const StoredTensor& stored) {
  return at::from_blob(data, stored.shape, stored.strides, at::TensorOptions(stored.dtype));
}

// Calls work(piece, buffer of kPartBytes) for every piece, on LibTorch's threads.
template <class Work>
void for_each_piece(const std::vector<Part>& pieces, const Work& work) {
  at::parallel_for(0, static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kPartBytes);
    for (int64_t i = begin; i < end; ++i) work(pieces[static_cast<size_t>(i)], buffer.get());
  });
}

void expect_reads(const File& file, const StoredTensor& first, const StoredTensor& last) {
  file.expect_reads(first.offset, last.offset + span_bytes(last) - first.offset);
}

}  // namespace

void read_tensors(const File& file, const std::vector<StoredTensor>& stored,
                  const std::vector<at::Tensor>& targets) {
  const auto pieces = split_all(stored, targets);
  if (!pieces.empty()) expect_reads(file, pieces.front().stored, pieces.back().stored);
  for_each_piece(pieces, [&](const Part& piece, char* buffer) {
    if (is_same_memory(piece)) {
      return read_bytes(file, piece.stored, static_cast<char*>(piece.memory.mutable_data_ptr()));
    }
    read_bytes(file, piece.stored, buffer);
    piece.memory.copy_(view_of(buffer, piece.stored));
  });
  for (const auto& target : targets) target.unsafeGetTensorImpl()->bump_version();
}

void write_tensors(const File& file, const std::vector<StoredTensor>& stored,
                   const std::vector<at::Tensor>& sources) {
  for_each_piece(split_all(stored, sources), [&](const Part& piece, char* buffer) {
    const void* data = buffer;
    if (is_same_memory(piece)) {
      data = piece.memory.const_data_ptr();
    } else {
      view_of(buffer, piece.stored).copy_(piece.memory);
    }
    file.write_at(data, static_cast<size_t>(span_bytes(piece.stored)), piece.stored.offset);
  });
}

}  // namespace mcloss::io
