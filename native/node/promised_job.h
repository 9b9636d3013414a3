#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "environment.h"
#include "errors.h"
#include "pool_jobs.h"

namespace mcloss::node {

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

}  // namespace mcloss::node
