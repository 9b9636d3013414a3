#include "flat_tensors.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace mcloss {
namespace {

// Tensors begin on cache lines.
constexpr int64_t kAlignment = 64;

struct Room {
  at::TensorOptions options;
  int64_t elements = 0;
};

struct Place {
  size_t room;
  int64_t offset;
};

Place take_place(std::vector<Room>& rooms, const at::Tensor& tensor) {
  const auto fits = [&](const Room& room) {
    return room.options.dtype() == tensor.dtype() && room.options.device() == tensor.device();
  };
  auto room = std::ranges::find_if(rooms, fits);
  if (room == rooms.end()) {
    const auto options = at::TensorOptions(tensor.dtype()).device(tensor.device());
    room = rooms.insert(room, {options});
  }
  const Place place{static_cast<size_t>(room - rooms.begin()), room->elements};
  const int64_t step = std::max<int64_t>(1, kAlignment / static_cast<int64_t>(tensor.element_size()));
  room->elements += (tensor.numel() + step - 1) / step * step;
  return place;
}

at::Tensor view_like(const at::Tensor& tensor, const at::Tensor& block, int64_t offset) {
  // A view counts its changes together with its base; variable_data() counts them by itself.
  const auto place = block.narrow(0, offset, tensor.numel());
  return at::Tensor(tensor.is_non_overlapping_and_dense() ? place.as_strided(tensor.sizes(), tensor.strides())
                                                          : place.view(tensor.sizes()))
      .variable_data();
}

bool lies_in(const std::vector<at::Tensor>& blocks, const at::Tensor& tensor) {
  return std::ranges::any_of(
      blocks, [&](const auto& block) { return !block.is_same(tensor) && block.is_alias_of(tensor); });
}

bool is_movable(const at::Tensor& tensor, const std::vector<at::Tensor>& before) {
  if (!tensor.has_storage() || !tensor.is_non_overlapping_and_dense()) return false;
  return tensor.storage().use_count() == 1 || lies_in(before, tensor);
}

}  // namespace

at::Tensor flat_view(const at::Tensor& tensor) {
  return tensor.as_strided({tensor.numel()}, {1}, tensor.storage_offset());
}

FlatTensors flat_zeros_like(const std::vector<at::Tensor>& like) {
  const at::NoGradGuard no_grad;
  std::vector<Room> rooms;
  std::vector<Place> places;
  for (const auto& tensor : like) places.push_back(take_place(rooms, tensor));
  FlatTensors flat;
  for (const auto& room : rooms) flat.blocks.push_back(at::zeros({room.elements}, room.options));
  for (size_t i = 0; i < like.size(); ++i) {
    flat.tensors.push_back(view_like(like[i], flat.blocks[places[i].room], places[i].offset));
  }
  return flat;
}

std::vector<at::Tensor> lay_flat(const std::vector<at::Tensor>& tensors,
                                 const std::vector<at::Tensor>& before) {
  const at::NoGradGuard no_grad;
  if (std::ranges::all_of(tensors, [&](const auto& tensor) { return lies_in(before, tensor); }))
    return before;
  std::vector<at::Tensor> movable, blocks;
  for (const auto& tensor : tensors) (is_movable(tensor, before) ? movable : blocks).push_back(tensor);
  const auto flat = flat_zeros_like(movable);
  for (size_t i = 0; i < movable.size(); ++i) {
    flat.tensors[i].copy_(movable[i]);
    movable[i].set_data(flat.tensors[i]);
  }
  blocks.insert(blocks.end(), flat.blocks.begin(), flat.blocks.end());
  return blocks;
}

}  // namespace mcloss
