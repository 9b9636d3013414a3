#include "sync_batch_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tuple>
#include <utility>
#include <vector>

namespace mcloss::distributed {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Of a batch of several processes, by channel.
struct Statistics {
  at::Tensor mean, variance;
  at::Tensor count;  // of values, a scalar
};

// Keeps a group in what autograd saves.
struct KeptGroup : torch::CustomClassHolder {
  explicit KeptGroup(std::shared_ptr<ProcessGroup> kept) : group(std::move(kept)) {}
  std::shared_ptr<ProcessGroup> group;
};

std::vector<int64_t> all_but_channels(const at::Tensor& input) {
  std::vector<int64_t> dims{0};
  for (int64_t dim = 2; dim < input.dim(); ++dim) dims.push_back(dim);
  return dims;
}

at::Tensor by_channel(const at::Tensor& values, const at::Tensor& like) {
  std::vector<int64_t> shape(like.dim(), 1);
  shape[1] = values.numel();
  return values.view(shape);
}

// Statistics of each process put together, which is exact where a sum of squares would cancel.
Statistics gather_statistics(ProcessGroup& group, const at::Tensor& input) {
  const int64_t channels = input.size(1);
  const auto [variance, mean] = at::var_mean(input, all_but_channels(input), /*correction=*/0);
  // The places of the others are 0, so that a sum is a gather.
  const auto all = at::zeros({group.size(), 2 * channels + 1}, mean.options());
  const auto own = all[group.rank()];
  own.narrow(0, 0, channels).copy_(mean);
  own.narrow(0, channels, channels).copy_(variance);
  own[2 * channels].fill_(static_cast<double>(input.numel() / channels));
  group.all_reduce(all, Reduction::kSum);
  const auto means = all.narrow(1, 0, channels);
  const auto variances = all.narrow(1, channels, channels);
  const auto counts = all.narrow(1, 2 * channels, 1);
  Statistics whole;
  whole.count = counts.sum();
  whole.mean = (means * counts).sum(0) / whole.count;
  const auto offsets = means - whole.mean;
  whole.variance = ((variances + offsets * offsets) * counts).sum(0) / whole.count;
  return whole;
}

struct SyncBatchNorm : torch::autograd::Function<SyncBatchNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& running_mean,
                            const at::Tensor& running_var, const BatchNormOptions& options,
                            std::shared_ptr<ProcessGroup> group) {
    // Statistics are of the running ones' type: float32 where autocast computes in less.
    const auto whole = gather_statistics(*group, input.to(running_mean.scalar_type()));
    running_mean.lerp_(whole.mean, options.momentum);
    running_var.lerp_(whole.variance * (whole.count / (whole.count - 1)), options.momentum);
    context->save_for_backward({input, weight, whole.mean, whole.variance, whole.count});
    context->saved_data["eps"] = options.eps;
    context->saved_data["group"] =
        c10::IValue::make_capsule(c10::make_intrusive<KeptGroup>(std::move(group)));
    return at::batch_norm(input, weight, bias, whole.mean, whole.variance, /*training=*/false, 0, options.eps,
                          /*cudnn_enabled=*/false);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &input = saved[0], &mean = saved[2], &variance = saved[3], &count = saved[4];
    const auto weight = saved[1].defined() ? saved[1] : at::ones_like(mean);
    const double eps = context->saved_data["eps"].toDouble();
    const auto kept = c10::static_intrusive_pointer_cast<KeptGroup>(context->saved_data["group"].toCapsule());
    const auto [scaled, weight_gradient, bias_gradient] = at::native_batch_norm_backward(
        gradients[0], input, weight, mean, variance, {}, {}, /*train=*/false, eps, {true, true, true});
    const auto sums = at::stack({bias_gradient, weight_gradient}).to(mean.scalar_type());
    kept->group->all_reduce(sums, Reduction::kSum);
    // dx = w·σ⁻¹·(dy − Σdy / n − x̂·Σ(dy·x̂) / n), of which the first term is `scaled`.
    const auto inverse = at::rsqrt(variance + eps);
    const auto factor = weight.to(mean.scalar_type()) * inverse / count;
    const auto slope = factor * inverse * sums[1];
    const auto offset = factor * sums[0] - slope * mean;
    const auto result = scaled - input * by_channel(slope, input) - by_channel(offset, input);
    const bool affine = saved[1].defined();
    return {result.to(input.scalar_type()),
            affine ? weight_gradient : at::Tensor(),
            affine ? bias_gradient : at::Tensor(),
            {},
            {},
            {},
            {}};
  }
};

}  // namespace

at::Tensor sync_batch_norm(const std::shared_ptr<ProcessGroup>& group, const at::Tensor& input,
                           const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& running_mean,
                           const at::Tensor& running_var, const BatchNormOptions& options) {
  return SyncBatchNorm::apply(input, weight, bias, running_mean, running_var, options, group);
}

}  // namespace mcloss::distributed
