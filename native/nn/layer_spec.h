#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mcloss::nn {

using Attribute = std::variant<bool, double, std::string, std::vector<int64_t>>;

// One node of a model spec, as lib/models/layers.ts describes it and lib/models/validate.ts has checked it.
struct LayerSpec {
  std::string type;
  std::optional<std::string> name;  // without one, the layer is called by its position
  std::map<std::string, Attribute> attributes;
  std::vector<LayerSpec> layers;
  std::vector<LayerSpec> branches;
  std::vector<LayerSpec> shortcut;  // empty or one

  bool has(const std::string& key) const { return attributes.contains(key); }
  double number(const std::string& key, double fallback) const;
  int64_t integer(const std::string& key) const;
  bool flag(const std::string& key, bool fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  bool is_text(const std::string& key) const;
  // A number n means [n, n].
  std::vector<int64_t> pair(const std::string& key, const std::vector<int64_t>& fallback) const;
};

}  // namespace mcloss::nn
