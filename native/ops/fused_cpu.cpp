#include "fused_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include "group_kernel.h"

namespace mcloss {
namespace {

// Features as memory: element (sample, channel, position) is at sample * sample_stride + channel *
// channel_stride + position * position_stride.
struct Layout {
  int64_t sample_stride;
  int64_t channel_stride;
  int64_t position_stride;
};

Layout layout_of(const at::Tensor& features) {
  const int64_t channels = features.size(1);
  const int64_t positions = features.size(2) * features.size(3);
  if (features.is_contiguous()) return {channels * positions, positions, 1};
  return {channels * positions, 1, channels};
}

// S is the type in memory, T the one that is accumulated in.
template <class S, class T>
class SamplePass {
 public:
  SamplePass(const ChannelBlocks& groups, Layout layout, int64_t positions)
      : groups_(groups), layout_(layout), positions_(positions), scores_(groups.classes) {
    int64_t widest = 0;
    for (const auto& block : groups.blocks) widest = std::max(widest, block.channels);
    values_.resize(widest * positions);
    softmax_.resize(widest * positions);
    gradient_.resize(widest * positions);
    best_.resize(positions);
    winner_.resize(positions);
    winners_.resize(groups.classes * positions);
  }

  // Cross-entropy of the class scores; they and their winners are kept for write_gradient().
  double discriminality(const S* sample, const uint8_t* mask, int64_t label) {
    for_each_class([&](int64_t index, int64_t channel, int64_t count) {
      auto group = load(sample, mask, channel, count);
      group.winner = winners_.data() + index * positions_;
      scores_[index] = max_score(group);
    });
    T largest = scores_.front();
    for (const T score : scores_) largest = std::max(largest, score);
    T sum = 0;
    for (const T score : scores_) sum += std::exp(score - largest);
    log_sum_ = std::log(sum) + largest;
    return log_sum_ - scores_[label];
  }

  // 1 - mean of h / channels over the classes, and the gradient where it is asked for.
  double diversity(const S* sample, const uint8_t* mask, int64_t label, FusedWeights weights, S* gradient) {
    T covered = 0;
    for_each_class([&](int64_t index, int64_t channel, int64_t count) {
      const auto group = load(sample, mask, channel, count);
      const T share = 1 / static_cast<T>(count);
      covered += max_coverage(group) * share;
      if (!gradient) return;
      T* out = direct() ? reinterpret_cast<T*>(gradient + channel * positions_) : gradient_.data();
      const T classes = static_cast<T>(groups_.classes);
      write_coverage_gradient(group, static_cast<T>(-weights.diversity) * share / classes, out);
      add_score_gradient(index, label, mask + channel, static_cast<T>(weights.discriminality), out);
      if (!direct()) store(out, gradient, channel, count);
    });
    return 1 - covered / static_cast<T>(groups_.classes);
  }

 private:
  // Whether a group lies in memory as the kernels want it.
  bool direct() const { return std::is_same_v<S, T> && layout_.position_stride == 1; }

  template <class Visit>
  void for_each_class(const Visit& visit) {
    int64_t index = 0;
    for (const auto& block : groups_.blocks) {
      for (int64_t k = 0; k < block.classes; ++k) {
        visit(index++, block.first_channel + k * block.channels, block.channels);
      }
    }
  }

  Group<T> load(const S* sample, const uint8_t* mask, int64_t channel, int64_t count) {
    const T* values = values_.data();
    if (direct()) {
      values = reinterpret_cast<const T*>(sample + channel * positions_);
    } else {
      visit_places(channel, count,
                   [&](int64_t place, int64_t at) { values_[place] = static_cast<T>(sample[at]); });
    }
    return {count, positions_, mask + channel, values, softmax_.data(), best_.data(), winner_.data()};
  }

  void store(const T* values, S* gradient, int64_t channel, int64_t count) {
    visit_places(channel, count,
                 [&](int64_t place, int64_t at) { gradient[at] = static_cast<S>(values[place]); });
  }

  // Pairs each place of a group's scratch memory with its place in the sample, along the sample's memory.
  template <class Visit>
  void visit_places(int64_t channel, int64_t count, const Visit& visit) {
    const bool rows = layout_.position_stride == 1;
    const int64_t outer = rows ? count : positions_;
    const int64_t inner = rows ? positions_ : count;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t j = rows ? o : i;
        const int64_t p = rows ? i : o;
        visit(j * positions_ + p, (channel + j) * layout_.channel_stride + p * layout_.position_stride);
      }
    }
  }

  // d(cross-entropy)/d(score) = softmax - one-hot, handed to each position's winner. A masked winner is a
  // constant 0.
  void add_score_gradient(int64_t index, int64_t label, const uint8_t* mask, T weight, T* gradient) {
    const T slope = std::exp(scores_[index] - log_sum_) - static_cast<T>(index == label);
    const T share = weight * slope / static_cast<T>(positions_);
    const int32_t* winner = winners_.data() + index * positions_;
    for (int64_t p = 0; p < positions_; ++p) {
      gradient[winner[p] * positions_ + p] += share * static_cast<T>(mask[winner[p]]);
    }
  }

  const ChannelBlocks& groups_;
  Layout layout_;
  int64_t positions_;
  T log_sum_ = 0;
  std::vector<T> scores_, values_, softmax_, gradient_, best_;
  std::vector<int32_t> winner_, winners_;
};

template <class S, class T>
FusedResult run(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                const ChannelBlocks& groups, FusedWeights weights, bool with_gradient) {
  const Layout layout = layout_of(features);
  const int64_t samples = features.size(0);
  const int64_t positions = features.size(2) * features.size(3);
  FusedResult result;
  if (with_gradient) result.gradient = at::empty_like(features);
  const S* x = features.const_data_ptr<S>();
  S* dx = with_gradient ? result.gradient.mutable_data_ptr<S>() : nullptr;
  const auto* label = labels.const_data_ptr<int64_t>();
  const auto* masks = mask.const_data_ptr<uint8_t>();
  const int64_t mask_stride = mask.size(0) == 1 ? 0 : mask.size(1);
  const double count = static_cast<double>(samples);
  const FusedWeights mean{weights.discriminality / count, weights.diversity / count};
  std::vector<double> discriminality(samples), diversity(samples);

  at::parallel_for(0, samples, 1, [&](int64_t begin, int64_t end) {
    SamplePass<S, T> pass(groups, layout, positions);
    for (int64_t n = begin; n < end; ++n) {
      const S* sample = x + n * layout.sample_stride;
      const uint8_t* kept = masks + n * mask_stride;
      discriminality[n] = pass.discriminality(sample, kept, label[n]);
      diversity[n] =
          pass.diversity(sample, kept, label[n], mean, dx ? dx + n * layout.sample_stride : nullptr);
    }
  });

  double discriminality_sum = 0;
  double diversity_sum = 0;
  for (int64_t n = 0; n < samples; ++n) {
    discriminality_sum += discriminality[n];
    diversity_sum += diversity[n];
  }
  const auto options = features.options().dtype(c10::CppTypeToScalarType<T>::value);
  result.discriminality = at::empty({}, options).fill_(discriminality_sum / count);
  result.diversity = at::empty({}, options).fill_(diversity_sum / count);
  return result;
}

}  // namespace

FusedResult fused_cpu(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& mask,
                      const ChannelBlocks& groups, FusedWeights weights, bool with_gradient) {
  const bool readable = features.is_contiguous() || features.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto x = readable ? features : features.contiguous();
  switch (x.scalar_type()) {
    case at::kDouble:
      return run<double, double>(x, labels, mask, groups, weights, with_gradient);
    case at::kBFloat16:
      return run<at::BFloat16, float>(x, labels, mask, groups, weights, with_gradient);
    case at::kHalf:
      return run<at::Half, float>(x, labels, mask, groups, weights, with_gradient);
    default:
      return run<float, float>(x, labels, mask, groups, weights, with_gradient);
  }
}

}  // namespace mcloss
