#include "generator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/GeneratorImpl.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace mcloss::autograd {
namespace {

using c10::IValue;

// A key that no backend has and every operator passes through, but for those that take a generator.
constexpr auto kKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

thread_local at::Generator scoped;
std::atomic<bool> installed = false;

bool is_generator(const c10::Argument& argument) {
  const auto* optional = argument.type()->castRaw<c10::OptionalType>();
  return optional != nullptr && optional->getElementType()->kind() == c10::TypeKind::GeneratorType;
}

bool is_elsewhere(const IValue& value) {
  if (value.isTensor()) return value.toTensor().defined() && !value.toTensor().is_cpu();
  if (value.isDevice()) return !value.toDevice().is_cpu();
  if (value.isTensorList()) {
    const auto tensors = value.toTensorVector();
    return std::ranges::any_of(tensors, [](const auto& tensor) { return !tensor.is_cpu(); });
  }
  return false;
}

void give_generator(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto& arguments = op.schema().arguments();
  const auto given = stack->end() - static_cast<std::ptrdiff_t>(arguments.size());
  if (scoped.defined() && !std::any_of(given, stack->end(), is_elsewhere)) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      auto& value = given[static_cast<std::ptrdiff_t>(i)];
      if (value.isNone() && is_generator(arguments[i])) value = scoped;
    }
  }
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), stack);
}

void register_all() {
  installed = true;
  auto& dispatcher = c10::Dispatcher::singleton();
  // Never destroyed, as LibTorch's own may be gone by then.
  static auto* handles = new std::vector<c10::RegistrationHandleRAII>();
  try {
    handles->push_back(
        dispatcher.registerFallback(kKey, c10::KernelFunction::makeFallthrough(), "mcloss generators"));
  } catch (const c10::Error&) {
    return;  // another copy of this addon has; its threads have their generators, and this one's share
             // LibTorch's
  }
  for (const auto& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    if (!op || !std::ranges::any_of(op->schema().arguments(), is_generator)) continue;
    handles->push_back(dispatcher.registerImpl(name, kKey,
                                               c10::KernelFunction::makeFromBoxedFunction<&give_generator>(),
                                               std::nullopt, nullptr, "mcloss generators"));
  }
}

}  // namespace

GeneratorScope::GeneratorScope(const at::Generator& generator)
    : previous_(scoped), was_included_(c10::impl::tls_is_dispatch_key_included(kKey)) {
  use_generator(generator);
}

GeneratorScope::~GeneratorScope() {
  c10::impl::tls_set_dispatch_key_included(kKey, was_included_);
  scoped = std::move(previous_);
}

void use_generator(const at::Generator& generator) {
  if (!installed) return;
  scoped = generator;
  c10::impl::tls_set_dispatch_key_included(kKey, true);
}

at::Generator make_cpu_generator() {
  return at::detail::createCPUGenerator(c10::detail::getNonDeterministicRandom());
}

at::Generator current_generator() {
  return scoped.defined() ? scoped : at::detail::getDefaultCPUGenerator();
}

void install_generators() {
  static std::once_flag once;
  std::call_once(once, register_all);
}

}  // namespace mcloss::autograd
