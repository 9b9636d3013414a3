#include "file_api.h"

#include <ATen/ops/empty.h>
#include <sys/file.h>

#include <cerrno>
#include <system_error>

#include "../io/stored_tensor.h"
#include "convert.h"
#include "handle.h"

namespace mcloss::node {
namespace {

io::File to_file(const Napi::Value& descriptor, const Napi::Value& path) {
  return {descriptor.As<Napi::Number>().Int32Value(), path.As<Napi::String>().Utf8Value()};
}

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * std::max<int64_t>(shape[dim], 1);
  return strides;
}

// { dtype, shape, offset, strides?, swapped? }; row-major without strides
io::StoredTensor to_stored_tensor(const Napi::Object& object) {
  auto shape = to_int_list(object.Get("shape"), "shape");
  const Napi::Value strides = object.Get("strides");
  auto steps = strides.IsUndefined() ? contiguous_strides(shape) : to_int_list(strides, "strides");
  return {dtype_from_name(object.Get("dtype").As<Napi::String>()), std::move(shape), std::move(steps),
          object.Get("offset").As<Napi::Number>().Int64Value(), object.Get("swapped").ToBoolean().Value()};
}

std::vector<io::StoredTensor> to_stored_tensors(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<io::StoredTensor> stored;
  for (uint32_t i = 0; i < array.Length(); ++i)
    stored.push_back(to_stored_tensor(Napi::Value(array[i]).As<Napi::Object>()));
  return stored;
}

// readTensors(descriptor, path, stored[]): Promise<handle[]>
Napi::Value read_tensors(const Napi::CallbackInfo& info) {
  auto work = [file = to_file(info[0], info[1]), stored = to_stored_tensors(info[2])] {
    std::vector<at::Tensor> tensors;
    for (const auto& entry : stored) tensors.push_back(at::empty(entry.shape, entry.dtype));
    io::read_tensors(file, stored, tensors);
    return tensors;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), to_handles);
}

// readInto(descriptor, path, stored[], tensors[]): Promise<void>
Napi::Value read_into(const Napi::CallbackInfo& info) {
  auto work = [file = to_file(info[0], info[1]), stored = to_stored_tensors(info[2]),
               tensors = to_tensors(info[3], "tensors")] {
    io::read_tensors(file, stored, tensors);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// writeTensors(descriptor, path, stored[], tensors[]): Promise<void>
Napi::Value write_tensors(const Napi::CallbackInfo& info) {
  auto work = [file = to_file(info[0], info[1]), stored = to_stored_tensors(info[2]),
               tensors = to_tensors(info[3], "tensors")] {
    io::write_tensors(file, stored, tensors);
    return true;
  };
  return Environment::of(info.Env()).executor.submit(info.Env(), std::move(work), nothing);
}

// tryLock(descriptor): whether this process now holds the file's lock, which ends when the descriptor is
// closed or the process ends, however it ends.
Napi::Value try_lock(const Napi::CallbackInfo& info) {
  if (::flock(info[0].As<Napi::Number>().Int32Value(), LOCK_EX | LOCK_NB) == 0) {
    return Napi::Boolean::New(info.Env(), true);
  }
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw std::system_error(errno, std::generic_category(), "cannot lock the file");
}

}  // namespace

void export_file_api(Napi::Env env, Napi::Object& exports) {
  exports.Set("readTensors", Napi::Function::New<guarded<read_tensors>>(env, "readTensors"));
  exports.Set("readInto", Napi::Function::New<guarded<read_into>>(env, "readInto"));
  exports.Set("tryLock", Napi::Function::New<guarded<try_lock>>(env, "tryLock"));
  exports.Set("writeTensors", Napi::Function::New<guarded<write_tensors>>(env, "writeTensors"));
}

}  // namespace mcloss::node
