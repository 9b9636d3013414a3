#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mcloss::node {

// What a call does with an object, the gentlest first.
enum class Access : uint8_t {
  kLook,   // at its shape, dtype and device
  kRead,   // its values
  kWrite,  // its values, gradients or hooks
  kMove,   // replaces its memory
};

// Which jobs that are not settled yet use an object, and how. Only touched on the JavaScript thread.
class Pending {
 public:
  void begin(Access access, std::string_view job) {
    auto& use = uses_[static_cast<size_t>(access)];
    ++use.jobs;
    use.last = job;
  }
  void end(Access access) { --uses_[static_cast<size_t>(access)].jobs; }

  // The name of a job that stands against such an access meanwhile; empty where none does.
  std::string_view against(Access access) const {
    for (size_t i = uses_.size(); i-- > 0;) {
      if (uses_[i].jobs > 0 && collide(access, static_cast<Access>(i))) return uses_[i].last;
    }
    return {};
  }
  bool none() const {
    for (const auto& use : uses_) {
      if (use.jobs > 0) return false;
    }
    return true;
  }

 private:
  struct Use {
    uint32_t jobs = 0;
    std::string_view last = {};
  };

  static constexpr bool collide(Access one, Access other) {
    if (one == Access::kLook) return other == Access::kMove;
    if (other == Access::kLook) return one == Access::kMove;
    return one >= Access::kWrite || other >= Access::kWrite;
  }

  std::array<Use, 4> uses_{};
};

}  // namespace mcloss::node
