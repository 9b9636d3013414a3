#include "activation.h"

#include <ATen/ops/elu.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include <limits>

namespace mcloss::nn {

at::Tensor Activation::operator()(const at::Tensor& x) const {
  switch (kind) {
    case ActivationKind::kRelu:
      return at::relu(x);
    case ActivationKind::kRelu6:
      return at::relu6(x);
    case ActivationKind::kSilu:
      return at::silu(x);
    case ActivationKind::kGelu:
      return at::gelu(x);
    case ActivationKind::kSigmoid:
      return at::sigmoid(x);
    case ActivationKind::kTanh:
      return at::tanh(x);
    case ActivationKind::kHardswish:
      return at::hardswish(x);
    case ActivationKind::kHardsigmoid:
      return at::hardsigmoid(x);
    case ActivationKind::kLeakyRelu:
      return at::leaky_relu(x, parameter);
    case ActivationKind::kElu:
      return at::elu(x, parameter);
  }
  TORCH_INTERNAL_ASSERT(false);
}

void Activation::apply(at::Tensor& x) const {
  switch (kind) {
    case ActivationKind::kRelu:
      at::relu_(x);
      return;
    case ActivationKind::kRelu6:
      at::relu6_(x);
      return;
    case ActivationKind::kSilu:
      at::silu_(x);
      return;
    case ActivationKind::kGelu:
      at::gelu_(x);
      return;
    case ActivationKind::kSigmoid:
      at::sigmoid_(x);
      return;
    case ActivationKind::kTanh:
      at::tanh_(x);
      return;
    case ActivationKind::kHardswish:
      at::hardswish_(x);
      return;
    case ActivationKind::kHardsigmoid:
      at::hardsigmoid_(x);
      return;
    case ActivationKind::kLeakyRelu:
      at::leaky_relu_(x, parameter);
      return;
    case ActivationKind::kElu:
      at::elu_(x, parameter);
      return;
  }
}

std::optional<std::pair<float, float>> bounds_of(const std::optional<Activation>& activation) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (!activation) return std::pair(-kInfinity, kInfinity);
  if (activation->kind == ActivationKind::kRelu) return std::pair(0.0F, kInfinity);
  if (activation->kind == ActivationKind::kRelu6) return std::pair(0.0F, 6.0F);
  return std::nullopt;
}

std::optional<PostOp> post_op_of(const Activation& activation) {
  switch (activation.kind) {
    case ActivationKind::kRelu:
      return PostOp{"relu"};
    case ActivationKind::kRelu6:
      return PostOp{"hardtanh", {at::Scalar(0.0), at::Scalar(6.0)}};
    case ActivationKind::kSilu:
      return PostOp{"swish"};
    case ActivationKind::kGelu:
      return PostOp{"gelu", {}, "none"};
    case ActivationKind::kSigmoid:
      return PostOp{"sigmoid"};
    case ActivationKind::kTanh:
      return PostOp{"tanh"};
    case ActivationKind::kHardswish:
      return PostOp{"hardswish"};
    case ActivationKind::kHardsigmoid:
      return PostOp{"hardsigmoid"};
    case ActivationKind::kLeakyRelu:
      return PostOp{"leaky_relu", {at::Scalar(activation.parameter)}};
    case ActivationKind::kElu:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace mcloss::nn
