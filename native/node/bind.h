#pragma once

#include <napi.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "capture.h"
#include "from_script.h"
#include "job.h"
#include "text.h"
#include "to_script.h"

namespace mcloss::node {

// "f(one, two)" has two parameters.
constexpr size_t count_parameters(std::string_view signature) {
  const auto list = signature.substr(signature.find('(') + 1);
  return list == ")" ? 0 : static_cast<size_t>(std::ranges::count(list, ',')) + 1;
}

template <size_t N>
constexpr std::array<std::string_view, N> parameter_names(std::string_view signature) {
  std::array<std::string_view, N> names{};
  size_t start = signature.find('(') + 1;
  for (auto& name : names) {
    const size_t end = signature.find_first_of(",)?", start);
    name = signature.substr(start, end - start);
    start = signature.find_first_not_of("?, ", end);
  }
  return names;
}

// Makes of a native function what JavaScript calls: its arguments are converted as their types say, it runs
// where the declaration says, and what it returns or throws is converted.
template <class Function>
struct Binder;

template <class Result, class... Parameters>
struct Binder<Result (*)(Parameters...)> {
  using Function = Result (*)(Parameters...);
  static constexpr size_t kCount = sizeof...(Parameters);
  using Arguments = std::tuple<std::remove_cvref_t<Parameters>...>;

  template <Function function>
  static Napi::Value call(const Napi::CallbackInfo& info, const Declaration& declaration,
                          const std::array<std::string_view, kCount>& names) {
    const Napi::Env env = info.Env();
    Capture capture(Environment::of(env), declaration);
    auto arguments = take(capture, info, names, std::make_index_sequence<kCount>());
    if (declaration.way < Way::kJob) return convert(env, [&] { return run<function>(arguments); });
    if constexpr (!(std::is_same_v<std::remove_cvref_t<Parameters>, Napi::Value> || ...)) {
      auto work = [arguments = std::move(arguments)]() mutable { return run<function>(arguments); };
      return submit(env, std::move(capture), std::move(work),
                    [](Napi::Env settled, auto result) -> Napi::Value {
                      if constexpr (std::is_same_v<decltype(result), Done>)
                        return settled.Undefined();
                      else
                        return To<decltype(result)>::give(settled, std::move(result));
                    });
    } else {
      throw CodedError("ERR_UNSUPPORTED", "a job cannot take a JavaScript value");
    }
  }

 private:
  // The result of what is called for its effect.
  struct Done {};

  template <size_t... Index>
  static Arguments take(Capture& capture, const Napi::CallbackInfo& info,
                        const std::array<std::string_view, kCount>& names, std::index_sequence<Index...>) {
    return Arguments{From<std::remove_cvref_t<Parameters>>::take(capture, info[Index], names[Index])...};
  }

  template <Function function>
  static auto run(Arguments& arguments) {
    if constexpr (std::is_void_v<Result>) {
      std::apply(function, arguments);
      return Done();
    } else {
      return std::remove_cvref_t<Result>(std::apply(function, arguments));
    }
  }

  template <class Work>
  static Napi::Value convert(Napi::Env env, const Work& work) {
    auto result = work();
    if constexpr (std::is_same_v<decltype(result), Done>)
      return env.Undefined();
    else
      return To<decltype(result)>::give(env, std::move(result));
  }
};

// One function of the table.
struct Row {
  Declaration declaration;
  Napi::Value (*call)(const Napi::CallbackInfo&);
};

template <Text signature, Way way, auto function, Text ordered>
struct Declared {
  using Bound = Binder<decltype(function)>;
  static_assert(count_parameters(signature.view()) == Bound::kCount, "a name for each parameter");
  static constexpr Declaration kDeclaration{signature.view(), way, ordered.view()};
  static constexpr auto kNames = parameter_names<Bound::kCount>(signature.view());

  static Napi::Value call(const Napi::CallbackInfo& info) {
    return Bound::template call<function>(info, kDeclaration, kNames);
  }
};

template <Text signature, auto function, Text ordered = "">
constexpr Row sync() {
  using Given = Declared<signature, Way::kSync, function, ordered>;
  return {Given::kDeclaration, guarded<Given::call>};
}
template <Text signature, auto function, Text ordered = "">
constexpr Row sync_unless_busy() {
  using Given = Declared<signature, Way::kUnlessBusy, function, ordered>;
  return {Given::kDeclaration, guarded<Given::call>};
}
template <Text signature, auto function>
constexpr Row job() {
  using Given = Declared<signature, Way::kJob, function, Text("")>;
  return {Given::kDeclaration, guarded<Given::call>};
}
template <Text signature, auto function>
constexpr Row backward_job() {
  using Given = Declared<signature, Way::kBackwardJob, function, Text("")>;
  return {Given::kDeclaration, guarded<Given::call>};
}

// A function that converts its arguments itself.
template <Text signature, Way way, Napi::Value (*function)(const Napi::CallbackInfo&)>
constexpr Row raw() {
  return {{signature.view(), way, {}}, guarded<function>};
}

}  // namespace mcloss::node
