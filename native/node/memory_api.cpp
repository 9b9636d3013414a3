#include "memory_api.h"

#include "../memory/allocators.h"
#include "convert.h"
#include "environment.h"
#include "errors.h"

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

// memory(): { tensors, bytes, bytesByDevice, allocators }
Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto& environment = Environment::of(env);
  environment.reconcile_memory();
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

// emptyCache()
Napi::Value empty_cache(const Napi::CallbackInfo& info) {
  empty_allocator_caches();
  return info.Env().Undefined();
}

}  // namespace

void export_memory_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("memory", Napi::Function::New<guarded<memory>>(env, "memory"));
  exports.Set("emptyCache", Napi::Function::New<guarded<empty_cache>>(env, "emptyCache"));
}

}  // namespace mcloss::node
