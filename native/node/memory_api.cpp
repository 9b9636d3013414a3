#include "memory_api.h"

#include "../memory/allocators.h"
#include "convert.h"
#include "environment.h"

namespace mcloss::node {
namespace {

Napi::Object allocators(Napi::Env env) {
  auto result = Napi::Object::New(env);
  for (const auto& [device, usage] : allocator_usage()) {
    auto figures = Napi::Object::New(env);
    figures.Set("allocated", to_number(env, usage.allocated));
    figures.Set("reserved", to_number(env, usage.reserved));
    figures.Set("peak", to_number(env, usage.peak));
    result.Set(device.str(), figures);
  }
  return result;
}

}  // namespace

Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto& environment = Environment::of(env);
  environment.ledger.reconcile();
  auto devices = Napi::Object::New(env);
  for (const auto& [device, bytes] : environment.ledger.bytes_by_device()) {
    devices.Set(device, to_number(env, bytes));
  }
  auto result = Napi::Object::New(env);
  result.Set("tensors", to_number(env, environment.tensors));
  result.Set("bytes", to_number(env, environment.ledger.bytes()));
  result.Set("bytesByDevice", devices);
  result.Set("allocators", allocators(env));
  return result;
}

void empty_cache() {
  empty_allocator_caches();
}

}  // namespace mcloss::node
