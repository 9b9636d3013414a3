#include <ATen/core/Generator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "../channel_blocks.h"
#include "../checks.h"
#include "../fused.h"
#include "../mask.h"
#include "channel_table.h"
#include "kernels.h"
#include "tiling.h"

namespace mcloss::cuda {
namespace {

Type type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kDouble:
      return Type::kDouble;
    case at::kBFloat16:
      return Type::kBFloat16;
    case at::kHalf:
      return Type::kHalf;
    default:
      return Type::kFloat;
  }
}

ChannelTable table_of(const ChannelBlocks& groups) {
  TORCH_CHECK_NOT_IMPLEMENTED(groups.blocks.size() <= ChannelTable::kMostBlocks,
                              "on CUDA the groups may have at most ", ChannelTable::kMostBlocks,
                              " blocks, got ", groups.blocks.size(), "; mcloss::reference takes any number");
  return make_channel_table(groups);
}

// The kernels count in 32 bits within a sample and over tiles.
void check_size(const at::Tensor& features, const ChannelBlocks& groups) {
  const int64_t sample = features.numel() / features.size(0);
  TORCH_CHECK_NOT_IMPLEMENTED(sample <= INT32_MAX && features.size(0) * groups.classes <= INT32_MAX / 2,
                              "on CUDA a sample may have at most ", INT32_MAX, " elements, and all samples ",
                              INT32_MAX / 2, " classes, got ", features.sizes(), " and ", groups.classes,
                              " classes; mcloss::reference takes any number");
}

FusedResult fused_cuda(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                       at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha,
                       double beta, const std::optional<at::Tensor>& weights, std::string_view pooling,
                       std::string_view diversity_pooling, std::string_view diversity_over,
                       bool with_gradient) {
  const c10::cuda::CUDAGuard guard(features.device());
  const auto groups = make_channel_blocks(block_classes, block_channels);
  check_size(features, groups);
  const bool readable = features.is_contiguous() || features.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto x = readable ? features : features.contiguous();
  const int64_t samples = x.size(0);
  const int64_t positions = x.size(2) * x.size(3);
  const auto accumulated = x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  auto gradient = with_gradient ? at::empty_like(x) : at::empty({0}, x.options());
  auto scores = at::empty({samples, groups.classes}, accumulated);
  auto covered = at::empty_like(scores);
  auto log_sums = at::empty({samples}, accumulated);
  auto entropy = at::empty_like(log_sums);
  auto counters = at::zeros({2 + 2 * samples}, x.options().dtype(at::kInt));
  auto loss = at::empty({}, accumulated);
  auto discriminality = at::empty({}, accumulated);
  auto diversity = at::empty({}, accumulated);

  FusedArguments arguments{};
  arguments.features = x.const_data_ptr();
  arguments.gradient = with_gradient ? gradient.mutable_data_ptr() : nullptr;
  if (labels.is_floating_point()) {
    arguments.targets = labels.const_data_ptr();
  } else {
    arguments.labels = labels.const_data_ptr<int64_t>();
  }
  arguments.mask = mask.const_data_ptr<uint8_t>();
  arguments.weights = weights ? weights->const_data_ptr() : nullptr;
  arguments.weights_stride = weights && weights->dim() == 1 ? static_cast<int>(weights->stride(0)) : 0;
  arguments.alpha = alpha;
  arguments.beta = beta;
  arguments.sample_stride = x.size(1) * positions;
  arguments.mask_stride = mask.size(0) == 1 ? 0 : static_cast<int>(x.size(1));
  arguments.samples = static_cast<int>(samples);
  arguments.classes = static_cast<int>(groups.classes);
  arguments.channels = static_cast<int>(x.size(1));
  arguments.positions = static_cast<int>(positions);
  arguments.channels_last = !x.is_contiguous();
  arguments.max_score = is_max(pooling, "pooling");
  arguments.max_coverage = is_max(diversity_pooling, "diversity_pooling");
  arguments.diversity_over = to_diversity_over(diversity_over);
  arguments.table = table_of(groups);
  arguments.scores = scores.mutable_data_ptr();
  arguments.covered = covered.mutable_data_ptr();
  arguments.log_sums = log_sums.mutable_data_ptr();
  arguments.entropy = entropy.mutable_data_ptr();
  arguments.counters = reinterpret_cast<unsigned*>(counters.mutable_data_ptr<int>());
  arguments.loss = loss.mutable_data_ptr();
  arguments.discriminality = discriminality.mutable_data_ptr();
  arguments.diversity = diversity.mutable_data_ptr();
  TORCH_CHECK_NOT_IMPLEMENTED(plan_fused(arguments, type_of(x)),
                              "on CUDA a class may not own as many channels as one of these does (",
                              widest_group(arguments.table), "); mcloss::reference takes any number");
  at::Tensor winners;
  if (!arguments.staged) {
    winners = at::empty({samples, groups.classes, 2, positions}, x.options().dtype(at::kShort));
    arguments.winners = reinterpret_cast<uint16_t*>(winners.mutable_data_ptr<int16_t>());
  }
  C10_CUDA_CHECK(launch_fused(arguments, type_of(x), c10::cuda::getCurrentCUDAStream()));
  return {loss, discriminality, diversity, gradient, scores};
}

at::Tensor& scale_gradient_cuda(at::Tensor& gradient, const at::Tensor& scale) {
  const auto type = gradient.scalar_type();
  TORCH_CHECK_TYPE((type == at::kFloat || type == at::kDouble) && scale.scalar_type() == type,
                   "gradient and scale must be both float32 or both float64, got ", type, " and ",
                   scale.scalar_type());
  const c10::cuda::CUDAGuard guard(gradient.device());
  C10_CUDA_CHECK(launch_scale(gradient.mutable_data_ptr(), gradient.numel(), type == at::kDouble,
                              scale.const_data_ptr(), c10::cuda::getCurrentCUDAStream()));
  return gradient;
}

// Reserves `words` random words of each thread. Under graph capture the position lies in device memory.
PhiloxPosition advance(const std::optional<at::Generator>& generator, uint64_t words) {
  auto* state = at::get_generator_or_default<at::CUDAGeneratorImpl>(
      generator, at::cuda::detail::getDefaultCUDAGenerator());
  const std::lock_guard lock(state->mutex_);
  const at::PhiloxCudaState now = state->philox_cuda_state(words);
  if (!now.captured_) return {now.seed_.val, now.offset_.val, nullptr, nullptr};
  const auto* seed = reinterpret_cast<const int64_t*>(now.seed_.ptr);
  const auto* offset = reinterpret_cast<const int64_t*>(now.offset_.ptr);
  return {0, now.offset_intragraph_, seed, offset};
}

at::Tensor& fill_mask_cuda(at::Tensor& mask, at::IntArrayRef block_classes, at::IntArrayRef block_channels,
                           at::IntArrayRef keep, const std::optional<at::Generator>& generator) {
  const c10::cuda::CUDAGuard guard(mask.device());
  const auto groups = make_channel_blocks(block_classes, block_channels);
  const auto table = table_of(groups);
  KeepTable kept{};
  for (size_t i = 0; i < keep.size(); ++i) kept.keep[i] = static_cast<int>(keep[i]);
  int64_t widest = 0;
  for (const auto& block : groups.blocks) widest = std::max(widest, block.channels);
  const auto position = advance(generator, static_cast<uint64_t>((widest + 3) / 4 * 4));
  C10_CUDA_CHECK(launch_draw_mask(mask.mutable_data_ptr<uint8_t>(), table, kept,
                                  static_cast<int>(groups.classes), static_cast<int>(groups.channels),
                                  static_cast<int>(mask.size(0)), position,
                                  c10::cuda::getCurrentCUDAStream()));
  return mask;
}

}  // namespace
}  // namespace mcloss::cuda

TORCH_LIBRARY_IMPL(mcloss, CUDA, library) {
  library.impl("fused", &mcloss::cuda::fused_cuda);
  library.impl("scale_gradient_", &mcloss::cuda::scale_gradient_cuda);
  library.impl("draw_mask_", &mcloss::cuda::fill_mask_cuda);
}
