#include "jpeg_api.h"

#include <memory>

#include "../data/jpeg.h"
#include "convert.h"
#include "errors.h"

namespace mcloss::node {
namespace {

std::span<uint8_t> bytes_of(Napi::Uint8Array array) {
  return {array.Data(), array.ByteLength()};
}

data::Window to_window(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  const auto side = [&](const char* name) { return object.Get(name).As<Napi::Number>().Int64Value(); };
  return {side("left"), side("top"), side("width"), side("height")};
}

data::Size to_size(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  return {object.Get("width").As<Napi::Number>().Int64Value(),
          object.Get("height").As<Napi::Number>().Int64Value()};
}

data::Filter to_filter(const std::string& name) {
  if (name == "bilinear") return data::Filter::kBilinear;
  if (name == "bicubic") return data::Filter::kBicubic;
  if (name == "lanczos") return data::Filter::kLanczos;
  throw CodedError("ERR_ARGUMENT", "interpolation cannot be \"" + name + "\" here");
}

data::JpegPlan to_plan(const Napi::Object& object) {
  const auto region = object.Get("region");
  const auto resized = object.Get("resized");
  return {region.IsUndefined() ? std::nullopt : std::optional(to_window(region)),
          resized.IsUndefined() ? std::nullopt : std::optional(to_size(resized)),
          to_window(object.Get("window")),
          to_filter(object.Get("interpolation").As<Napi::String>()),
          object.Get("limitInputPixels").As<Napi::Number>().Int64Value(),
          object.Get("repair").ToBoolean().Value()};
}

// Runs on a thread of libuv's pool, where sharp's decoders run too.
class DecodeWorker final : public Napi::AsyncWorker {
 public:
  DecodeWorker(Napi::Env env, const Napi::Uint8Array& bytes, const data::JpegPlan& plan,
               const Napi::Uint8Array& target)
      : AsyncWorker(env, "mcloss decode"),
        kept_bytes_(Napi::Persistent(bytes)),
        kept_target_(Napi::Persistent(target)),
        bytes_(bytes_of(bytes)),
        plan_(plan),
        target_(bytes_of(target)),
        deferred_(env) {}

  Napi::Value promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { decoded_ = data::decode_jpeg(bytes_, plan_, target_); }
  void OnOK() override { deferred_.Resolve(Napi::Boolean::New(Env(), decoded_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Reference<Napi::Uint8Array> kept_bytes_;
  Napi::Reference<Napi::Uint8Array> kept_target_;
  std::span<const uint8_t> bytes_;
  data::JpegPlan plan_;
  std::span<uint8_t> target_;
  Napi::Promise::Deferred deferred_;
  bool decoded_ = false;
};

}  // namespace

bool has_jpeg_decoder() {
  return data::has_libjpeg();
}

Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  auto worker =
      std::make_unique<DecodeWorker>(info.Env(), info[0].As<Napi::Uint8Array>(),
                                     to_plan(info[1].As<Napi::Object>()), info[2].As<Napi::Uint8Array>());
  const auto promise = worker->promise();
  worker->Queue();
  static_cast<void>(worker.release());  // it deletes itself when it is done
  return promise;
}

}  // namespace mcloss::node
