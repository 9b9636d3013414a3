#include "state.h"

namespace mcloss::nn {

at::Tensor State::add_parameter(const std::string& name, at::Tensor value) {
  value.set_requires_grad(true);
  entries_.push_back({name, value, true});
  return value;
}

at::Tensor State::add_buffer(const std::string& name, at::Tensor value) {
  entries_.push_back({name, value, false});
  return value;
}

int64_t State::bytes() const {
  int64_t total = 0;
  for (const auto& entry : entries_) total += static_cast<int64_t>(entry.tensor.nbytes());
  return total;
}

void State::move_to(c10::Device device) {
  for (auto& entry : entries_) entry.tensor.set_data(entry.tensor.detach().to(device));
}

}  // namespace mcloss::nn
