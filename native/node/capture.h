#pragma once

#include <napi.h>

#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "handle.h"

namespace mcloss::node {

// Where a native function runs.
enum class Way : uint8_t {
  kSync,         // on the JavaScript thread; reads nothing that a job may write
  kUnlessBusy,   // the same, or throws ERR_BUSY where a job stands against it
  kJob,          // on the executor's thread, when its turn comes
  kBackwardJob,  // a job that may read what any graph saved and write the gradient of anything
};

// What stands in the table of a function.
struct Declaration {
  std::string_view signature;  // "clipGradNorm(parameters, maxNorm)"
  Way way;
  std::string_view ordered;  // the job that does the same in order, for messages: "model.gradients()"

  std::string_view name() const { return signature.substr(0, signature.find('(')); }
};

// The objects that one call took from JavaScript, and what it does with them. A job has them noted from its
// submission until it is settled; a synchronous call that meets such a note is refused.
class Capture {
 public:
  Capture(Environment& environment, const Declaration& declaration);

  // Throws ERR_BUSY where a job stands against it.
  template <class T>
  void use(const Handle<T>& handle, Access access, std::string_view argument);

  // The gradient of a tensor, which any backward may be writing.
  void use_gradient(const Handle<at::Tensor>& handle, std::string_view argument);

  // A tensor that gets a hook, which no backward may be looking through, not even one that waits for the
  // caller.
  void use_hooks(const Handle<at::Tensor>& handle, std::string_view argument);

  // Lets a value live as long as the job's promise.
  void keep(const Napi::Value& value) { kept_.push_back(value); }
  void attach_kept(const Napi::Promise& promise) const;

  void begin();
  void end();

 private:
  struct Use {
    std::shared_ptr<Pending> object;  // or, of a tensor:
    const c10::StorageImpl* storage = nullptr;
    Access access;
  };

  bool is_job() const { return declaration_.way >= Way::kJob; }
  // Whether something can stand against this call.
  bool is_checked();
  void refuse_where(std::string_view job, std::string_view argument) const;
  std::string_view writing_gradients() const { return environment_.gradients->against(Access::kWrite); }

  Environment& environment_;
  const Declaration& declaration_;
  std::vector<Use> uses_;
  std::vector<Napi::Value> kept_;
};

// Whether nothing but its handle holds a tensor and its memory: no job, no graph and no other tensor.
bool is_exclusive(const at::Tensor& tensor);

template <class T>
void Capture::use(const Handle<T>& handle, Access access, std::string_view argument) {
  constexpr bool is_tensor = std::is_same_v<T, at::Tensor>;
  if (is_job()) {
    if constexpr (is_tensor) {
      uses_.push_back({nullptr, handle.charges.charge().storage, access});
    } else {
      uses_.push_back({handle.charges.pending(), nullptr, access});
    }
    return;
  }
  if (!is_checked()) return;
  if (declaration_.way == Way::kSync) access = Access::kLook;
  refuse_where(handle.charges.against(environment_, access), argument);
  if (access < Access::kWrite) return;
  if constexpr (is_tensor) {
    if (is_exclusive(*handle.value)) return;
  }
  refuse_where(writing_gradients(), argument);
}

}  // namespace mcloss::node
