#pragma once

#include <dlfcn.h>

namespace mcloss::data {

// A library that is opened at run time: the addon loads where it is missing, too. Null where it is.
inline void* open_shared_library(const char* name) {
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

template <class Function>
bool find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace mcloss::data
