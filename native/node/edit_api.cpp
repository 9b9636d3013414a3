#include "edit_api.h"

#include <algorithm>
#include <string>
#include <utility>

#include "../data/edit_pixels.h"
#include "errors.h"
#include "promised_job.h"

namespace mcloss::node {
namespace {

std::vector<data::PixelEdit> to_edits(const Napi::Array& list) {
  std::vector<data::PixelEdit> edits;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const auto items = list.Get(i).As<Napi::Array>();
    data::PixelEdit edit{items.Get(0U).As<Napi::String>(), {}};
    for (uint32_t k = 1; k < items.Length(); ++k) {
      edit.values.push_back(items.Get(k).As<Napi::Number>().DoubleValue());
    }
    edits.push_back(std::move(edit));
  }
  return edits;
}

class EditJob final : public PromisedJob {
 public:
  EditJob(Napi::Env env, const Napi::Uint8Array& source, data::PixelImage image,
          std::vector<data::PixelEdit> edits, Napi::Uint8Array target)
      : PromisedJob(env),
        kept_source_(Napi::Persistent(source)),
        kept_target_(Napi::Persistent(target)),
        source_(source.Data(), source.ByteLength()),
        target_(target.Data(), target.ByteLength()),
        image_(std::move(image)),
        edits_(std::move(edits)) {}

 protected:
  void work() override {
    image_.bytes.assign(source_.begin(), source_.end());
    data::edit_pixels(image_, edits_);
    if (image_.bytes.size() != target_.size()) {
      throw CodedError("ERR_ARGUMENT", "the edited image has " + std::to_string(image_.bytes.size()) +
                                           " bytes, but its place " + std::to_string(target_.size()));
    }
    std::ranges::copy(image_.bytes, target_.begin());
    image_.bytes = {};
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  Napi::Reference<Napi::Uint8Array> kept_source_;
  Napi::Reference<Napi::Uint8Array> kept_target_;
  std::span<const uint8_t> source_;
  std::span<uint8_t> target_;
  data::PixelImage image_;
  std::vector<data::PixelEdit> edits_;
};

}  // namespace

Napi::Value edit_pixels(const Napi::CallbackInfo& info) {
  const auto size = info[1].As<Napi::Array>();
  const auto side = [&](uint32_t index) { return size.Get(index).As<Napi::Number>().Int64Value(); };
  // Its sample is nearly done, and others wait for it.
  return PromisedJob::submit<EditJob>(info.Env(), /*urgent=*/true, info[0].As<Napi::Uint8Array>(),
                                      data::PixelImage{side(0), side(1), {}},
                                      to_edits(info[2].As<Napi::Array>()), info[3].As<Napi::Uint8Array>());
}

}  // namespace mcloss::node
