#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/library.h>

#include <algorithm>
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

// Elements for which waking a thread pays.
constexpr int64_t kGrain = 32768;

int64_t count_workers(int64_t elements) {
  if (at::in_parallel_region()) return 1;
  return std::clamp<int64_t>(elements / kGrain, 1, at::get_num_threads());
}

template <class S, class T>
class FusedRun {
 public:
  FusedRun(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
           const at::Tensor& gradient, const at::Tensor& scores, const LossPlan<S, T>& plan)
      : plan_(plan),
        size_(plan.layout.channels * plan.layout.positions),
        samples_(features.size(0)),
        features_(features.const_data_ptr<S>()),
        gradient_(plan.options.with_gradient ? gradient.mutable_data_ptr<S>() : nullptr),
        labels_(labels.is_floating_point() ? nullptr : labels.const_data_ptr<int64_t>()),
        targets_(labels.is_floating_point() ? labels.const_data_ptr<T>() : nullptr),
        mask_(mask.const_data_ptr<uint8_t>()),
        mask_stride_(mask.size(0) == 1 ? 0 : plan.layout.channels),
        alpha_(plan.options.alpha / static_cast<double>(samples_)),
        beta_(plan.options.beta / static_cast<double>(samples_)),
        scores_(scores.mutable_data_ptr<T>()),
        covered_(samples_ * plan.classes),
        log_sums_(samples_) {}

  // Each thread takes whole samples, equally many; those that are left over are shared out by classes.
  void run() {
    const int64_t workers = count_workers(samples_ * size_);
    const int64_t shared_out = samples_ / workers * workers;
    if (shared_out > 0) run_whole(shared_out, workers);
    if (shared_out < samples_) run_parts(shared_out, workers);
  }

  struct Terms {
    double discriminality = 0;
    double diversity = 0;
  };

  // The means over the samples, added up in the same order whatever the threads.
  Terms terms() {
    const auto count = static_cast<double>(samples_);
    Terms terms;
    for (int64_t n = 0; n < samples_; ++n) {
      const auto sample = sample_at(n, nullptr);
      const double diversity = diversity_of(plan_, sample, log_sums_[n]);
      const double nan_or_0 = 0 * diversity;
      terms.discriminality += (cross_entropy_of(sample, plan_.classes, log_sums_[n]) + nan_or_0) / count;
      terms.diversity += diversity / count;
    }
    return terms;
  }

 private:
  void run_whole(int64_t samples, int64_t workers) {
    const BatchRange all = part_of(plan_.batches, 0, 1);
    at::parallel_for(0, samples, samples / workers, [&](int64_t begin, int64_t end) {
      SamplePass<S, T> pass(plan_, plan_.layout.channels, true);
      const auto winner = make_winner(1);
      for (int64_t n = begin; n < end; ++n) {
        const auto sample = sample_at(n, winner.data());
        pass.score(sample, all);
        log_sums_[n] = log_sum_exp(sample.scores, plan_.classes);
        if (gradient_) pass.differentiate(sample, all, log_sums_[n], alpha_, beta_);
      }
    });
  }

  void run_parts(int64_t first, int64_t workers) {
    const int64_t parts = std::min<int64_t>(workers, static_cast<int64_t>(plan_.batches.size()));
    const int64_t units = (samples_ - first) * parts;
    const auto winner = make_winner(samples_ - first);
    const auto for_each_part = [&](const auto& visit) {
      at::parallel_for(0, units, std::max<int64_t>(1, units / workers), [&](int64_t begin, int64_t end) {
        SamplePass<S, T> pass(plan_, plan_.most_channels_of(parts), false);
        for (int64_t i = begin; i < end; ++i) {
          const int64_t n = i / parts;
          int16_t* rows = winner.data() + n * plan_.classes * plan_.workspace_stride;
          visit(pass, first + n, sample_at(first + n, rows), part_of(plan_.batches, i % parts, parts));
        }
      });
    };
    for_each_part(
        [&](auto& pass, int64_t, const auto& sample, BatchRange part) { pass.score(sample, part); });
    for (int64_t n = first; n < samples_; ++n) {
      log_sums_[n] = log_sum_exp(&scores_[n * plan_.classes], plan_.classes);
    }
    if (!gradient_) return;
    for_each_part([&](auto& pass, int64_t n, const auto& sample, BatchRange part) {
      pass.differentiate(sample, part, log_sums_[n], alpha_, beta_);
    });
  }

  AlignedBuffer<int16_t> make_winner(int64_t samples) const {
    return AlignedBuffer<int16_t>(samples * plan_.classes * plan_.workspace_stride);
  }

  Sample<S, T> sample_at(int64_t n, int16_t* winner) {
    return {features_ + n * size_,        gradient_ ? gradient_ + n * size_ : nullptr,
            mask_ + n * mask_stride_,     labels_ ? labels_[n] : -1,
            &scores_[n * plan_.classes],  plan_.options.max_score ? winner : nullptr,
            &covered_[n * plan_.classes], targets_ ? targets_ + n * plan_.classes : nullptr};
  }

  const LossPlan<S, T>& plan_;
  int64_t size_;  // of a sample
  int64_t samples_;
  const S* features_;
  S* gradient_;
  const int64_t* labels_;  // or null
  const T* targets_;       // [samples, classes] in their place, or null
  const uint8_t* mask_;
  int64_t mask_stride_;
  double alpha_;
  double beta_;
  T* scores_;
  std::vector<T> covered_;
  std::vector<T> log_sums_;
};

template <class S, class T>
FusedResult run(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                const ChannelBlocks& groups, const FusedOptions& options) {
  const bool fits_cache = 2 * features.nbytes() <= kCacheBytes;
  const SampleLayout layout{features.size(1), features.size(2) * features.size(3), !features.is_contiguous(),
                            fits_cache};
  const LossPlan<S, T> plan(groups, layout, options, supported_kernels<T>().front().kernel);
  auto gradient = options.with_gradient ? at::empty_like(features) : at::empty({0}, features.options());
  const auto accumulated = features.options().dtype(c10::CppTypeToScalarType<T>::value);
  auto scores = at::empty({features.size(0), groups.classes}, accumulated);
  FusedRun<S, T> fused(features, labels, mask, gradient, scores, plan);
  fused.run();
  const auto [discriminality, diversity] = fused.terms();
  const auto scalar = [&](double value) { return at::scalar_tensor(value, accumulated); };
  return {scalar(options.alpha * discriminality + options.beta * diversity), scalar(discriminality),
          scalar(diversity), gradient, scores};
}

FusedResult fused_cpu(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                      at::IntArrayRef block_classes, at::IntArrayRef block_channels, double alpha,
                      double beta, const std::optional<at::Tensor>& weights, std::string_view pooling,
                      std::string_view diversity_pooling, std::string_view diversity_over,
                      bool with_gradient) {
  const auto groups = make_channel_blocks(block_classes, block_channels);
  FusedOptions options{alpha,
                       beta,
                       is_max(pooling, "pooling"),
                       is_max(diversity_pooling, "diversity_pooling"),
                       to_diversity_over(diversity_over),
                       with_gradient};
  if (weights) {
    const auto each = weights->expand({2});
    options.alpha *= each[0].item<double>();
    options.beta *= each[1].item<double>();
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
