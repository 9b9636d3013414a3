#include "random_state.h"

#include <ATen/Context.h>

#include <mutex>
#include <set>

#include "generator.h"

namespace mcloss::autograd {

RandomState::RandomState(const std::vector<at::Tensor>& tensors) {
  std::set<std::pair<c10::DeviceType, c10::DeviceIndex>> devices{{at::kCPU, 0}};
  for (const auto& tensor : tensors) {
    if (tensor.defined()) devices.emplace(tensor.device().type(), std::max<int>(tensor.device().index(), 0));
  }
  for (const auto& [type, index] : devices) {
    auto generator = type == at::kCPU ? current_generator()
                                      : at::globalContext().defaultGenerator(c10::Device(type, index));
    const std::lock_guard lock(generator.mutex());
    auto state = generator.get_state();
    states_.emplace_back(std::move(generator), std::move(state));
  }
}

RandomState RandomState::exchange() const {
  RandomState previous;
  for (auto [generator, state] : states_) {
    const std::lock_guard lock(generator.mutex());
    previous.states_.emplace_back(generator, generator.get_state());
    generator.set_state(state);
  }
  return previous;
}

}  // namespace mcloss::autograd
