#include "image_api.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "../data/cut.h"
#include "../data/jpeg.h"
#include "../data/png.h"
#include "../data/read_file.h"
#include "../data/thread_pool.h"
#include "../data/webp.h"
#include "environment.h"
#include "errors.h"
#include "promised_job.h"

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
  using Decode = std::function<bool(std::span<const uint8_t> bytes, std::span<uint8_t> target)>;

  DecodeJob(Napi::Env env, const Napi::Uint8Array& bytes, const Napi::Uint8Array& target, Decode decode)
      : PixelJob(env, bytes, target), decode_(std::move(decode)) {}

 protected:
  void work() override { done_ = decode_(bytes_, target_); }

 private:
  Decode decode_;
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

DecodeJob::Decode to_decoding(const std::string& format, const Napi::Object& options) {
  if (format == "jpeg") {
    return [plan = to_jpeg_plan(options)](auto bytes, auto target) {
      return data::decode_jpeg(bytes, plan, target);
    };
  }
  const auto cut = to_cut(options);
  const int64_t limit = to_integer(options, "limitInputPixels");
  if (format == "png") {
    return [cut, limit](auto bytes, auto target) { return data::decode_png(bytes, cut, limit, target); };
  }
  const bool has_alpha = options.Get("alpha").ToBoolean();
  return [cut, limit, has_alpha](auto bytes, auto target) {
    return data::decode_webp(bytes, cut, has_alpha, limit, target);
  };
}

}  // namespace

bool has_image_decoder(const std::string& format) {
  if (format == "jpeg") return data::has_libjpeg();
  if (format == "png") return data::has_libpng();
  return format == "webp" && data::has_libwebp();
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

Napi::Value free_bytes(const Napi::CallbackInfo& info) {
  auto buffer = info[0].As<Napi::Uint8Array>().ArrayBuffer();
  if (!buffer.IsDetached()) buffer.Detach();
  return info.Env().Undefined();
}

Napi::Value decode_image(const Napi::CallbackInfo& info) {
  return PromisedJob::submit<DecodeJob>(info.Env(), /*urgent=*/false, info[1].As<Napi::Uint8Array>(),
                                        info[3].As<Napi::Uint8Array>(),
                                        to_decoding(info[0].As<Napi::String>(), info[2].As<Napi::Object>()));
}

Napi::Value cut_pixels(const Napi::CallbackInfo& info) {
  return PromisedJob::submit<CutJob>(info.Env(), /*urgent=*/false, info[0].As<Napi::Uint8Array>(),
                                     info[2].As<Napi::Uint8Array>(), info[1].As<Napi::Object>());
}

}  // namespace mcloss::node
