#include "engine.h"

#include <torch/csrc/autograd/engine.h>

#include <mutex>

#include "checkpoint.h"
#include "mode.h"

namespace mcloss::autograd {
namespace {

using torch::autograd::Engine;

// The engine is the only place where LibTorch lets C++ decide how tensors are saved; Python's replaces it the
// same way.
class CheckpointEngine final : public Engine {
 public:
  explicit CheckpointEngine(Engine& previous) : previous_(previous) {}

  std::unique_ptr<torch::autograd::SavedVariableHooks> get_default_saved_variable_hooks() override {
    const auto& pass = current_mode().pass;
    return pass ? pass->hooks() : previous_.get_default_saved_variable_hooks();
  }

 private:
  Engine& previous_;
};

// Never destroyed, as the threads that it may have started.
Engine& the_engine() {
  static auto* engine = new CheckpointEngine(Engine::get_default_engine());
  return *engine;
}

}  // namespace

void install_engine() {
  static std::once_flag once;
  std::call_once(once, [] {
    the_engine();  // finds the previous engine before taking its place
    torch::autograd::set_default_engine_stub(the_engine);
  });
}

}  // namespace mcloss::autograd
