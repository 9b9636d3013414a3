#include "layer_spec.h"

#include <c10/util/Exception.h>

namespace mcloss::nn {
namespace {

template <class T>
const T* find(const LayerSpec& spec, const std::string& key) {
  const auto found = spec.attributes.find(key);
  if (found == spec.attributes.end()) return nullptr;
  const T* value = std::get_if<T>(&found->second);
  TORCH_CHECK_TYPE(value, spec.type, ".", key, " has the wrong type");
  return value;
}

}  // namespace

double LayerSpec::number(const std::string& key, double fallback) const {
  const double* value = find<double>(*this, key);
  return value ? *value : fallback;
}

int64_t LayerSpec::integer(const std::string& key) const {
  const double* value = find<double>(*this, key);
  TORCH_CHECK_VALUE(value, type, " needs ", key);
  return static_cast<int64_t>(*value);
}

bool LayerSpec::flag(const std::string& key, bool fallback) const {
  const bool* value = find<bool>(*this, key);
  return value ? *value : fallback;
}

std::string LayerSpec::text(const std::string& key, const std::string& fallback) const {
  const std::string* value = find<std::string>(*this, key);
  return value ? *value : fallback;
}

bool LayerSpec::is_text(const std::string& key) const {
  const auto found = attributes.find(key);
  return found != attributes.end() && std::holds_alternative<std::string>(found->second);
}

std::vector<int64_t> LayerSpec::pair(const std::string& key, const std::vector<int64_t>& fallback) const {
  const auto found = attributes.find(key);
  if (found == attributes.end()) return fallback;
  if (const double* side = std::get_if<double>(&found->second)) {
    return {static_cast<int64_t>(*side), static_cast<int64_t>(*side)};
  }
  return *find<std::vector<int64_t>>(*this, key);
}

}  // namespace mcloss::nn
