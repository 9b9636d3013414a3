#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace mcloss::node {

// Frees references to JavaScript values on the JavaScript thread, wherever they were let go of.
class ReferenceBin {
 public:
  explicit ReferenceBin(Napi::Env env) : env_(env) {}

  void discard(napi_ref reference);
  // On the JavaScript thread.
  void empty();
  // From now on references are left to the end of the environment.
  void close();

  // How many JavaScript functions native code could call.
  std::atomic<size_t> functions{0};

 private:
  Napi::Env env_;
  std::thread::id script_thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::vector<napi_ref> discarded_;
  bool closed_ = false;
};

// A JavaScript object that native code keeps alive. Made and read on the JavaScript thread, destroyed on any.
class ScriptValue {
 public:
  ScriptValue(std::shared_ptr<ReferenceBin> bin, const Napi::Value& object);
  ~ScriptValue() { bin_->discard(reference_); }
  ScriptValue(const ScriptValue&) = delete;
  ScriptValue& operator=(const ScriptValue&) = delete;

  Napi::Value get(Napi::Env env) const;

 private:
  std::shared_ptr<ReferenceBin> bin_;
  napi_ref reference_ = nullptr;
};

}  // namespace mcloss::node
