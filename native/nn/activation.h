#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace mcloss::nn {

enum class ActivationKind : uint8_t {
  kRelu,
  kRelu6,
  kSilu,
  kGelu,
  kSigmoid,
  kTanh,
  kHardswish,
  kHardsigmoid,
  kLeakyRelu,
  kElu
};

// A function of each element by itself.
struct Activation {
  ActivationKind kind;
  double parameter = 0;  // the slope of a leaky ReLU below 0, alpha of an ELU

  at::Tensor operator()(const at::Tensor& x) const;
  // Overwrites x.
  void apply(at::Tensor& x) const;
};

// What an activation holds its values between, where that is all that it does; without one nothing.
std::optional<std::pair<float, float>> bounds_of(const std::optional<Activation>& activation);

// An activation as oneDNN's operators take it.
struct PostOp {
  const char* name;
  std::vector<std::optional<at::Scalar>> scalars = {};
  std::optional<const char*> algorithm = {};
};

// Nothing for an activation that oneDNN's operators do not know.
std::optional<PostOp> post_op_of(const Activation& activation);

}  // namespace mcloss::nn
