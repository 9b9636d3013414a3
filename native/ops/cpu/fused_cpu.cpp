#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/library.h>

#include <vector>

#include "../channel_blocks.h"
#include "../checks.h"
#include "../fused.h"
#include "../fused_options.h"
#include "sample_pass.h"
#include "supported_kernels.h"

namespace mcloss::cpu {
namespace {

// About what one core may hope to keep of the last-level cache.
constexpr size_t kCacheBytes = size_t{16} << 20;

template <class S, class T>
FusedResult run(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                const ChannelBlocks& groups, const FusedOptions& options) {
  const int64_t samples = features.size(0);
  const int64_t channels = features.size(1);
  const int64_t positions = features.size(2) * features.size(3);
  const int64_t size = channels * positions;
  const bool fits_cache = 2 * features.nbytes() <= kCacheBytes;
  const SampleLayout layout{channels, positions, !features.is_contiguous(), fits_cache};
  auto gradient = options.with_gradient ? at::empty_like(features) : at::empty({0}, features.options());
  const S* x = features.const_data_ptr<S>();
  S* dx = options.with_gradient ? gradient.mutable_data_ptr<S>() : nullptr;
  const auto* label = labels.const_data_ptr<int64_t>();
  const auto* masks = mask.const_data_ptr<uint8_t>();
  const int64_t mask_stride = mask.size(0) == 1 ? 0 : channels;
  const auto count = static_cast<double>(samples);
  std::vector<typename SamplePass<S, T>::Terms> terms(samples);

  at::parallel_for(0, samples, 1, [&](int64_t begin, int64_t end) {
    SamplePass<S, T> pass(groups, layout, options, supported_kernels<T>().front().kernel);
    for (int64_t n = begin; n < end; ++n) {
      terms[n] = pass.run(x + n * size, masks + n * mask_stride, label[n], options.alpha / count,
                          options.beta / count, dx ? dx + n * size : nullptr);
    }
  });

  double discriminality = 0;
  double diversity = 0;
  for (const auto& term : terms) {
    discriminality += term.discriminality / count;
    diversity += term.diversity / count;
  }
  const auto scalar = [&](double value) {
    return at::scalar_tensor(value, features.options().dtype(c10::CppTypeToScalarType<T>::value));
  };
  return {scalar(options.alpha * discriminality + options.beta * diversity), scalar(discriminality),
          scalar(diversity), gradient};
}

FusedResult fused_cpu(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                      at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha,
                      double beta, const std::optional<at::Tensor>& weights, std::string_view pooling,
                      std::string_view diversity_pooling, bool with_gradient) {
  const auto groups = make_channel_blocks(block_classes, block_channels);
  FusedOptions options{alpha, beta, is_max(pooling, "pooling"),
                       is_max(diversity_pooling, "diversity_pooling"), with_gradient};
  if (weights) {
    options.alpha = (*weights)[0].item<double>();
    options.beta = (*weights)[1].item<double>();
  }
  const bool readable = features.is_contiguous() || features.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto x = readable ? features : features.contiguous();
  switch (x.scalar_type()) {
    case at::kDouble:
      return run<double, double>(x, labels, mask, groups, options);
    case at::kBFloat16:
      return run<at::BFloat16, float>(x, labels, mask, groups, options);
    case at::kHalf:
      return run<at::Half, float>(x, labels, mask, groups, options);
    default:
      return run<float, float>(x, labels, mask, groups, options);
  }
}

at::Tensor& scale_gradient_cpu(at::Tensor& gradient, const at::Tensor& scale) {
  const double factor = scale.item<double>();
  return factor == 1 ? gradient : gradient.mul_(factor);
}

}  // namespace
}  // namespace mcloss::cpu

TORCH_LIBRARY_IMPL(mcloss, CPU, library) {
  library.impl("fused", &mcloss::cpu::fused_cpu);
  library.impl("scale_gradient_", &mcloss::cpu::scale_gradient_cpu);
}
