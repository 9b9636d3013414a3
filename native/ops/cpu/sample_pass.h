#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "../channel_blocks.h"
#include "../fused_options.h"
#include "aligned_buffer.h"
#include "group_kernel.h"
#include "transpose.h"

namespace mcloss::cpu {

// Where the elements of one sample lie: channel by channel, or position by position (channels_last).
struct SampleLayout {
  int64_t channels;
  int64_t positions;
  bool channels_last;
  bool fits_cache;  // the features and their gradient, all samples together
};

// The loss of one sample at a time. S is the type in memory, T the one that is accumulated in.
template <class S, class T>
class SamplePass {
 public:
  SamplePass(const ChannelBlocks& groups, SampleLayout layout, const FusedOptions& options,
             const GroupKernel<T>& kernel)
      : groups_(groups),
        layout_(layout),
        options_(options),
        kernel_(kernel),
        direct_(std::is_same_v<S, T> && !layout.channels_last && layout.positions >= kernel_.width),
        stride_(direct_ ? layout.positions : padded(layout.positions)),
        workspace_stride_(padded(layout.positions)),
        widest_(widest_group(groups)),
        tile_channels_(std::max(widest_, kTileChannels)),
        batch_channels_(std::max<int64_t>(widest_, kBatchBytes / (workspace_stride_ * sizeof(T)))),
        streams_(direct_ && !layout.fits_cache && options.with_gradient),
        scores_(groups.classes),
        kept_(layout.channels),
        scales_(batch_channels_),
        won_(batch_channels_),
        slopes_(batch_channels_),
        candidates_(layout.channels),
        candidate_counts_(groups.classes),
        exps_(batch_channels_ * workspace_stride_),
        coverage_winner_(batch_channels_ * workspace_stride_) {
    if (options.max_score) score_winners_ = AlignedBuffer<int16_t>(groups.classes * workspace_stride_);
    if (streams_) gradient_ = AlignedBuffer<T>(2 * batch_channels_ * stride_);
    if (direct_ && !layout.fits_cache) traffic_.ahead = layout.channels * layout.positions;
    if (direct_) return;
    values_ = AlignedBuffer<T>(tile_channels_ * stride_);
    if (options.with_gradient) gradient_ = AlignedBuffer<T>(tile_channels_ * stride_);
  }

  struct Terms {
    T discriminality;
    T diversity;
  };

  // Both terms of a sample, and where `gradient` is given that of the sample's share of the loss: of
  // alpha * discriminality + beta * diversity.
  Terms run(const S* sample, const uint8_t* mask, int64_t label, double alpha, double beta, S* gradient) {
    if (mask != mask_) apply_mask(mask);
    const T discriminality = cross_entropy(sample, label);
    const T classes = static_cast<T>(groups_.classes);
    T covered = 0;
    const Workspace<T> workspace{workspace_stride_,       exps_.data(), scales_.data(), won_.data(),
                                 coverage_winner_.data(), &traffic_};
    for_each_batch(sample, gradient, [&](int64_t index, const Groups<T>& batch, T* out) {
      const T share = 1 / static_cast<T>(batch.channels);
      covered += kernel_.coverage(batch, workspace, options_.max_coverage) * share;
      if (!out) return;
      const T score_weight = static_cast<T>(alpha) / static_cast<T>(layout_.positions);
      for (int64_t k = 0; k < batch.count; ++k) {
        slopes_[k] = score_slope(index + k, label) * score_weight * (options_.max_score ? 1 : share);
      }
      const T coverage_slope = -static_cast<T>(beta) * share / classes;
      kernel_.gradient(batch, workspace,
                       {options_.max_coverage, coverage_slope, slopes_.data(), winners_of(index)}, out);
    });
    kernel_.finish(traffic_);
    const T nan_or_0 = 0 * covered;
    return {discriminality + nan_or_0, 1 - covered / classes};
  }

 private:
  // Rows that are worked on together: enough to keep the processor busy, few enough to stay in the
  // first-level cache.
  static constexpr int64_t kBatchBytes = 12 << 10;
  // Channels that are brought into the workspace together: enough that neighbours in channels_last memory
  // come together, few enough to stay in the second-level cache.
  static constexpr int64_t kTileChannels = 128;

  void apply_mask(const uint8_t* mask) {
    mask_ = mask;
    std::copy(mask, mask + layout_.channels, kept_.begin());
    int64_t index = 0;
    for (const auto& block : groups_.blocks) {
      for (int64_t k = 0; k < block.classes; ++k) {
        const int64_t first = block.first_channel + k * block.channels;
        candidate_counts_[index++] = list_candidates(mask + first, block.channels, &candidates_[first]);
      }
    }
  }

  static int list_candidates(const uint8_t* mask, int64_t channels, int16_t* candidates) {
    int count = 0;
    bool has_zero = false;
    for (int64_t j = 0; j < channels; ++j) {
      if (mask[j] == 0 && has_zero) continue;
      has_zero = has_zero || mask[j] == 0;
      candidates[count++] = static_cast<int16_t>(j);
    }
    return count;
  }

  static int64_t widest_group(const ChannelBlocks& groups) {
    int64_t widest = 0;
    for (const auto& block : groups.blocks) widest = std::max(widest, block.channels);
    return widest;
  }

  int64_t padded(int64_t positions) const {
    return (positions + kernel_.width - 1) / kernel_.width * kernel_.width;
  }

  int16_t* winners_of(int64_t index) {
    return options_.max_score ? score_winners_.data() + index * workspace_stride_ : nullptr;
  }

  T cross_entropy(const S* sample, int64_t label) {
    for_each_batch(sample, nullptr, [&](int64_t index, const Groups<T>& batch, T*) {
      if (options_.max_score) {
        kernel_.max_scores(batch, &scores_[index], winners_of(index), workspace_stride_);
      } else {
        kernel_.mean_scores(batch, &scores_[index]);
      }
    });
    const T largest = *std::max_element(scores_.begin(), scores_.end());
    T sum = 0;
    for (const T score : scores_) sum += std::exp(score - largest);
    log_sum_ = std::log(sum) + largest;
    return log_sum_ - scores_[label];
  }

  // d(cross-entropy)/d(score) = softmax - one-hot.
  T score_slope(int64_t index, int64_t label) const {
    return std::exp(scores_[index] - log_sum_) - static_cast<T>(index == label);
  }

  // Calls visit(first class, groups, gradient) for all classes, with their rows where the kernel wants them.
  template <class Visit>
  void for_each_batch(const S* sample, S* gradient, const Visit& visit) {
    int64_t index = 0;
    for (const auto& block : groups_.blocks) {
      const int64_t batch = std::max<int64_t>(1, batch_channels_ / block.channels);
      const int64_t tile = direct_ ? batch : std::max<int64_t>(1, tile_channels_ / block.channels);
      for (int64_t k = 0; k < block.classes; k += tile) {
        const int64_t tile_classes = std::min(tile, block.classes - k);
        const int64_t first = block.first_channel + k * block.channels;
        const T* values = load(sample, first, tile_classes * block.channels);
        T* out = gradient ? gradient_rows(gradient, first) : nullptr;
        for (int64_t i = 0; i < tile_classes; i += batch) {
          const int64_t row = i * block.channels;
          const Groups<T> groups{std::min(batch, tile_classes - i),
                                 block.channels,
                                 layout_.positions,
                                 values + row * stride_,
                                 stride_,
                                 &kept_[first + row],
                                 &candidates_[first + row],
                                 &candidate_counts_[index]};
          visit(index, groups, out ? out + row * stride_ : nullptr);
          index += groups.count;
        }
        if (out) store(gradient, first, tile_classes * block.channels);
      }
    }
  }

  const T* load(const S* sample, int64_t first, int64_t channels) {
    if constexpr (std::is_same_v<S, T>) {
      if (direct_) return sample + first * layout_.positions;
    }
    const int64_t positions = layout_.positions;
    if (layout_.channels_last) {
      transposed(sample + first, layout_.channels, values_.data(), stride_, positions, channels);
    }
    for (int64_t j = 0; j < channels; ++j) {
      T* row = values_.data() + j * stride_;
      if (!layout_.channels_last) std::copy_n(sample + (first + j) * positions, positions, row);
      std::fill(row + positions, row + stride_, row[positions - 1]);
    }
    return values_.data();
  }

  template <class From, class To>
  void transposed(const From* from, int64_t from_stride, To* to, int64_t to_stride, int64_t rows,
                  int64_t columns) {
    if constexpr (std::is_same_v<From, To>) {
      kernel_.transpose(from, from_stride, to, to_stride, rows, columns);
    } else {
      transpose(from, from_stride, to, to_stride, rows, columns);
    }
  }

  T* gradient_rows(S* gradient, int64_t first) {
    if constexpr (std::is_same_v<S, T>) {
      if (direct_ && !streams_) return gradient + first * layout_.positions;
    }
    // Where gradients are streamed, one is written while the other is filled.
    if (streams_) std::swap(spare_offset_, gradient_offset_);
    return gradient_.data() + gradient_offset_;
  }

  void store(S* gradient, int64_t first, int64_t channels) {
    const int64_t positions = layout_.positions;
    if (streams_) return begin_stream(gradient + first * positions, channels * positions * sizeof(T));
    if (direct_) return;
    if (layout_.channels_last) {
      transposed(gradient_.data(), stride_, gradient + first, layout_.channels, channels, positions);
      return;
    }
    for (int64_t j = 0; j < channels; ++j) {
      std::copy_n(gradient_.data() + j * stride_, positions, gradient + (first + j) * positions);
    }
  }

  // The ends, which are not whole lines, are written at once.
  void begin_stream(void* target, int64_t bytes) {
    kernel_.finish(traffic_);
    const auto* from = reinterpret_cast<const char*>(gradient_.data() + gradient_offset_);
    auto* to = static_cast<char*>(target);
    const auto past_line = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % kCacheLine);
    const int64_t head = std::min(bytes, past_line == 0 ? 0 : kCacheLine - past_line);
    std::copy_n(from, head, to);
    const int64_t tail = (bytes - head) % kCacheLine;
    std::copy_n(from + bytes - tail, tail, to + bytes - tail);
    traffic_.from = from + head;
    traffic_.to = to + head;
    traffic_.lines = (bytes - head) / kCacheLine;
  }

  const ChannelBlocks& groups_;
  SampleLayout layout_;
  const FusedOptions& options_;
  const GroupKernel<T>& kernel_;
  bool direct_;     // the features are rows of T already, each wide enough for the kernel
  int64_t stride_;  // of the rows that the kernel sees
  int64_t workspace_stride_;
  int64_t widest_;
  int64_t tile_channels_;
  int64_t batch_channels_;
  bool streams_;  // the gradient is written past the caches
  int64_t gradient_offset_ = 0;
  int64_t spare_offset_ = batch_channels_ * stride_;
  Traffic traffic_;
  T log_sum_ = 0;
  std::vector<T> scores_, kept_, scales_, won_, slopes_;
  std::vector<int16_t> candidates_;
  std::vector<int> candidate_counts_;
  const uint8_t* mask_ = nullptr;
  AlignedBuffer<T> exps_, values_, gradient_;
  AlignedBuffer<WinnerOf<T>> coverage_winner_;
  AlignedBuffer<int16_t> score_winners_;
};

}  // namespace mcloss::cpu
