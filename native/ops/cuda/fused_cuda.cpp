#include <ATen/core/Generator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
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

FusedResult fused_cuda(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                       at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha,
                       double beta, const std::optional<at::Tensor>& weights, std::string_view pooling,
                       std::string_view diversity_pooling, bool with_gradient) {
  const c10::cuda::CUDAGuard guard(features.device());
  const auto groups = make_channel_blocks(block_classes, block_channels);
  const bool readable = features.is_contiguous() || features.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto x = readable ? features : features.contiguous();
  const int64_t channels = x.size(1);
  const int64_t positions = x.size(2) * x.size(3);
  const bool rows = x.is_contiguous();
  const auto accumulated = x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  auto gradient = with_gradient ? at::empty_like(x) : at::empty({0}, x.options());
  auto scores = at::empty({x.size(0), groups.classes}, accumulated);
  auto covered = at::empty_like(scores);
  auto entropy = at::empty({x.size(0)}, accumulated);
  auto loss = at::empty({}, accumulated);
  auto discriminality = at::empty({}, accumulated);
  auto diversity = at::empty({}, accumulated);

  FusedArguments arguments{};
  arguments.features = x.const_data_ptr();
  arguments.gradient = with_gradient ? gradient.mutable_data_ptr() : nullptr;
  arguments.labels = labels.const_data_ptr<int64_t>();
  arguments.mask = mask.const_data_ptr<uint8_t>();
  const auto each = weights ? weights->expand({2}).contiguous() : at::Tensor();
  arguments.weights = weights ? each.const_data_ptr() : nullptr;
  arguments.alpha = alpha;
  arguments.beta = beta;
  arguments.mask_stride = mask.size(0) == 1 ? 0 : channels;
  arguments.sample_stride = channels * positions;
  arguments.channel_stride = rows ? positions : 1;
  arguments.position_stride = rows ? 1 : channels;
  arguments.samples = static_cast<int>(x.size(0));
  arguments.classes = static_cast<int>(groups.classes);
  arguments.positions = static_cast<int>(positions);
  arguments.max_score = is_max(pooling, "pooling");
  arguments.max_coverage = is_max(diversity_pooling, "diversity_pooling");
  arguments.table = table_of(groups);
  arguments.scores = scores.mutable_data_ptr();
  arguments.covered = covered.mutable_data_ptr();
  arguments.entropy = entropy.mutable_data_ptr();
  arguments.loss = loss.mutable_data_ptr();
  arguments.discriminality = discriminality.mutable_data_ptr();
  arguments.diversity = diversity.mutable_data_ptr();
  C10_CUDA_CHECK(launch_fused(arguments, type_of(x), c10::cuda::getCurrentCUDAStream()));
  return {loss, discriminality, diversity, gradient};
}

at::Tensor& scale_gradient_cuda(at::Tensor& gradient, const at::Tensor& scale) {
  const c10::cuda::CUDAGuard guard(gradient.device());
  C10_CUDA_CHECK(launch_scale(gradient.mutable_data_ptr(), gradient.numel(), type_of(gradient),
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
