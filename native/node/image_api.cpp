#include "image_api.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "../data/cut.h"
#include "../data/jpeg.h"
#include "../data/read_file.h"
#include "../data/thread_pool.h"
#include "environment.h"
#include "errors.h"

namespace mcloss::node {
namespace {

std::span<uint8_t> bytes_of(Napi::Uint8Array array) {
  return {array.Data(), array.ByteLength()};
}

int64_t to_integer(const Napi::Object& object, const char* name) {
  return object.Get(name).As<Napi::Number>().Int64Value();
}

data::Window to_window(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  return {to_integer(object, "left"), to_integer(object, "top"), to_integer(object, "width"),
          to_integer(object, "height")};
}

data::Size to_size(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  return {to_integer(object, "width"), to_integer(object, "height")};
}

data::Filter to_filter(const std::string& name) {
  if (name == "nearest") return data::Filter::kNearest;
  if (name == "bilinear") return data::Filter::kBilinear;
  if (name == "bicubic") return data::Filter::kBicubic;
  if (name == "lanczos") return data::Filter::kLanczos;
  throw CodedError("ERR_ARGUMENT", "interpolation cannot be \"" + name + "\"");
}

data::Cut to_cut(const Napi::Object& object) {
  const auto region = object.Get("region");
  const auto resized = object.Get("resized");
  return {region.IsUndefined() ? std::nullopt : std::optional(to_window(region)),
          resized.IsUndefined() ? std::nullopt : std::optional(to_size(resized)),
          to_window(object.Get("window")), to_filter(object.Get("interpolation").As<Napi::String>())};
}

data::JpegPlan to_jpeg_plan(const Napi::Object& object) {
  return {to_cut(object), static_cast<int>(to_integer(object, "orientation")),
          static_cast<unsigned>(to_integer(object, "eighths")), to_integer(object, "limitInputPixels"),
          object.Get("repair").ToBoolean().Value()};
}

// A path's bytes, which need not be UTF-8.
std::string to_path(const Napi::Value& value) {
  if (value.IsString()) return value.As<Napi::String>();
  const auto bytes = bytes_of(value.As<Napi::Uint8Array>());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Has a promise.
class PromisedJob : public PoolJob {
 public:
  explicit PromisedJob(Napi::Env env) : deferred_(env) {}

  // Gives the promise of the job, which the pool takes.
  template <class Made, class... Arguments>
  static Napi::Value submit(Napi::Env env, bool urgent, Arguments&&... arguments) {
    auto job = std::make_unique<Made>(env, std::forward<Arguments>(arguments)...);
    const Napi::Value promise = job->deferred_.Promise();
    Environment::of(env).pool.submit(env, std::move(job), urgent);
    return promise;
  }

  void run() override {
    try {
      work();
    } catch (...) {
      failure_ = describe(std::current_exception());
    }
  }

  void settle(Napi::Env env) override {
    if (failure_) return deferred_.Reject(make_error(env, *failure_).Value());
    deferred_.Resolve(result(env));
  }

 protected:
  virtual void work() = 0;
  virtual Napi::Value result(Napi::Env env) = 0;

 private:
  Napi::Promise::Deferred deferred_;
  std::optional<ErrorReport> failure_;
};

class ReadJob final : public PromisedJob {
 public:
  ReadJob(Napi::Env env, std::string path, size_t most)
      : PromisedJob(env), path_(std::move(path)), most_(most) {}

 protected:
  void work() override { file_ = data::read_file(path_, most_); }

  Napi::Value result(Napi::Env env) override {
    if (!file_.bytes) return env.Null();
    const auto release = [](Napi::Env, uint8_t* bytes) { std::unique_ptr<uint8_t[]>{bytes}; };
    return Napi::Buffer<uint8_t>::NewOrCopy(env, file_.bytes.release(), file_.size, release);
  }

 private:
  std::string path_;
  size_t most_;
  data::FileBytes file_;
};

class HoldJob final : public PromisedJob {
 public:
  HoldJob(Napi::Env env, double milliseconds) : PromisedJob(env), time_(milliseconds) {}

 protected:
  void work() override { std::this_thread::sleep_for(time_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::chrono::duration<double, std::milli> time_;
};

// Makes pixels of bytes.
class PixelJob : public PromisedJob {
 public:
  PixelJob(Napi::Env env, const Napi::Uint8Array& bytes, const Napi::Uint8Array& target)
      : PromisedJob(env),
        kept_bytes_(Napi::Persistent(bytes)),
        kept_target_(Napi::Persistent(target)),
        bytes_(bytes_of(bytes)),
        target_(bytes_of(target)) {}

 protected:
  Napi::Value result(Napi::Env env) override { return Napi::Boolean::New(env, done_); }

 private:
  Napi::Reference<Napi::Uint8Array> kept_bytes_;
  Napi::Reference<Napi::Uint8Array> kept_target_;

 protected:
  std::span<const uint8_t> bytes_;
  std::span<uint8_t> target_;
  bool done_ = false;
};

class DecodeJob final : public PixelJob {
 public:
  DecodeJob(Napi::Env env, const Napi::Uint8Array& bytes, const Napi::Uint8Array& target, data::JpegPlan plan)
      : PixelJob(env, bytes, target), plan_(plan) {}

 protected:
  void work() override { done_ = data::decode_jpeg(bytes_, plan_, target_); }

 private:
  data::JpegPlan plan_;
};

class CutJob final : public PixelJob {
 public:
  CutJob(Napi::Env env, const Napi::Uint8Array& pixels, const Napi::Uint8Array& target,
         const Napi::Object& options)
      : PixelJob(env, pixels, target),
        cut_(to_cut(options)),
        size_(to_size(options.Get("size"))),
        whole_(to_size(options.Get("whole"))) {}

 protected:
  void work() override {
    if (bytes_.size() != static_cast<size_t>(3 * size_.width * size_.height)) return;
    if (target_.size() != data::bytes_of(cut_) || !data::fits(cut_, size_, whole_)) return;
    data::cut_image({bytes_.data(), size_, {0, 0, size_.width, size_.height}}, whole_, cut_, target_.data());
    done_ = true;
  }

 private:
  data::Cut cut_;
  data::Size size_;
  data::Size whole_;
};

}  // namespace

bool has_jpeg_decoder() {
  return data::has_libjpeg();
}

int64_t image_threads(std::optional<int64_t> count) {
  if (count) data::ThreadPool::shared().allow(static_cast<size_t>(*count));
  return static_cast<int64_t>(data::ThreadPool::shared().threads());
}

Napi::Value hold_image_thread(const Napi::CallbackInfo& info) {
  return PromisedJob::submit<HoldJob>(info.Env(), /*urgent=*/false, info[0].As<Napi::Number>().DoubleValue());
}

Napi::Value read_file(const Napi::CallbackInfo& info) {
  // Reading is short, and others wait for what comes of it.
  return PromisedJob::submit<ReadJob>(info.Env(), /*urgent=*/true, to_path(info[0]),
                                      static_cast<size_t>(info[1].As<Napi::Number>().Int64Value()));
}

Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  return PromisedJob::submit<DecodeJob>(info.Env(), /*urgent=*/false, info[0].As<Napi::Uint8Array>(),
                                        info[2].As<Napi::Uint8Array>(),
                                        to_jpeg_plan(info[1].As<Napi::Object>()));
}

Napi::Value cut_pixels(const Napi::CallbackInfo& info) {
  return PromisedJob::submit<CutJob>(info.Env(), /*urgent=*/false, info[0].As<Napi::Uint8Array>(),
                                     info[2].As<Napi::Uint8Array>(), info[1].As<Napi::Object>());
}

}  // namespace mcloss::node
