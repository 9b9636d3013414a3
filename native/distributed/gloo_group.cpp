#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "c10d_errors.h"
#include "c10d_group.h"
#include "c10d_store.h"

namespace mcloss::distributed {

using Gloo = c10d::ProcessGroupGloo;

std::shared_ptr<ProcessGroup> make_gloo_group(const std::shared_ptr<Store>& store,
                                              const GroupOptions& given) {
  return guarded_call([&] {
    const bool addressed = !given.address.empty();
    auto options =
        addressed ? Gloo::Options::create(given.timeout) : Gloo::Options::create_default(given.timeout);
    if (addressed) options->devices.push_back(Gloo::createDeviceForHostname(given.address));
    // Every store is one of LibTorch's.
    auto part = static_cast<const C10dStore&>(*store).part(given.prefix);
    return std::make_shared<C10dGroup>(
        c10::make_intrusive<Gloo>(std::move(part), given.rank, given.world_size, std::move(options)));
  });
}

}  // namespace mcloss::distributed
