#include "pooling_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/max_pool2d.h>

#include "function_layer.h"

namespace mcloss::nn {
namespace {

struct Window {
  std::vector<int64_t> kernel, stride, padding;
  bool ceil_mode;
};

Window window_of(const LayerSpec& spec) {
  const auto kernel = spec.pair("kernelSize", {});
  return {kernel, spec.pair("stride", kernel), spec.pair("padding", {0, 0}), spec.flag("ceilMode", false)};
}

Function::Body max_pool(const LayerSpec& spec) {
  return [window = window_of(spec), dilation = spec.pair("dilation", {1, 1})](const at::Tensor& x,
                                                                              const ForwardPass&) {
    return at::max_pool2d(x, window.kernel, window.stride, window.padding, dilation, window.ceil_mode);
  };
}

Function::Body avg_pool(const LayerSpec& spec) {
  return [window = window_of(spec), count_padding = spec.flag("countIncludePad", true)](const at::Tensor& x,
                                                                                        const ForwardPass&) {
    return at::avg_pool2d(x, window.kernel, window.stride, window.padding, window.ceil_mode, count_padding);
  };
}

Function::Body adaptive_avg_pool(const LayerSpec& spec) {
  return [size = spec.pair("outputSize", {1, 1})](const at::Tensor& x, const ForwardPass&) {
    return at::adaptive_avg_pool2d(x, size);
  };
}

Function::Body adaptive_max_pool(const LayerSpec& spec) {
  return [size = spec.pair("outputSize", {1, 1})](const at::Tensor& x, const ForwardPass&) {
    return std::get<0>(at::adaptive_max_pool2d(x, size));
  };
}

// B-CNN (Lin et al. 2015): mean outer product, signed square root, L2 normalisation.
Function::Body bilinear_pool(const LayerSpec&) {
  return [](const at::Tensor& x, const ForwardPass&) {
    const auto places = x.flatten(2);
    const auto product = at::bmm(places, places.transpose(1, 2)).flatten(1) / places.size(2);
    // The root's slope is infinite at 0; torch.sqrt(|x| + eps) is what implementations take.
    const auto rooted = product.sign() * (product.abs() + 1e-10).sqrt();
    return rooted / rooted.norm(2, {1}, true).clamp_min(1e-12);
  };
}

}  // namespace

void add_pooling_layers(BuilderTable& table) {
  table["maxPool2d"] = function(max_pool, Function::Gives::kNew);
  table["avgPool2d"] = function(avg_pool, Function::Gives::kNew);
  table["adaptiveAvgPool2d"] = function(adaptive_avg_pool, Function::Gives::kNew);
  table["adaptiveMaxPool2d"] = function(adaptive_max_pool, Function::Gives::kNew);
  table["bilinearPool"] = function(bilinear_pool, Function::Gives::kNew);
}

}  // namespace mcloss::nn
