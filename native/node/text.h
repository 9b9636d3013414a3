#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace mcloss::node {

// A string as a template's argument.
template <size_t N>
struct Text {
  constexpr Text(const char (&text)[N]) { std::copy_n(text, N, characters); }
  constexpr std::string_view view() const { return {characters, N - 1}; }
  char characters[N];
};

}  // namespace mcloss::node
