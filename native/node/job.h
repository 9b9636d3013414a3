#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "caller.h"
#include "capture.h"
#include "errors.h"
#include "executor.h"

namespace mcloss::node {

// `work` runs on the executor's thread and must not touch JavaScript; `convert` makes its result a JavaScript
// value.
template <class Work, class Convert>
class PromiseJob final : public Job {
 public:
  PromiseJob(Napi::Env env, Capture capture, Work work, Convert convert)
      : deferred_(env),
        caller_(Caller::capture(env)),
        capture_(std::move(capture)),
        work_(std::move(work)),
        convert_(std::move(convert)) {
    capture_.attach_kept(deferred_.Promise());
    capture_.begin();
  }

  Napi::Value promise() const { return deferred_.Promise(); }

  void run() override {
    try {
      result_.emplace(work_());
    } catch (...) {
      failure_ = describe(std::current_exception());
    }
  }

  void settle(Napi::Env env) override {
    capture_.end();
    try {
      if (!failure_) return deferred_.Resolve(convert_(env, std::move(*result_)));
    } catch (const Napi::Error& error) {
      return deferred_.Reject(error.Value());
    } catch (...) {
      failure_ = describe(std::current_exception());
    }
    const auto error = make_error(env, *failure_);
    if (!failure_->thrown) caller_.sign(error);
    deferred_.Reject(error.Value());
  }

  void reject(Napi::Value reason) override {
    capture_.end();
    deferred_.Reject(reason);
  }

  const Caller& caller() const override { return caller_; }

 private:
  Napi::Promise::Deferred deferred_;
  Caller caller_;
  Capture capture_;
  Work work_;
  Convert convert_;
  std::optional<std::invoke_result_t<Work>> result_;
  std::optional<ErrorReport> failure_;
};

template <class Work, class Convert>
Napi::Value submit(Napi::Env env, Capture capture, Work work, Convert convert) {
  auto job = std::make_unique<PromiseJob<Work, Convert>>(env, std::move(capture), std::move(work),
                                                         std::move(convert));
  const auto promise = job->promise();
  Environment::of(env).executor.submit(env, std::move(job));
  return promise;
}

}  // namespace mcloss::node
