#pragma once

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "aligned_buffer.h"
#include "loss_plan.h"

namespace mcloss::cpu {

// What one thread needs to work on classes side by side of one sample at a time.
template <class S, class T>
class SamplePass {
 public:
  // `range` is of the most channels that will be asked for; `whole` if that is all of them and samples are
  // taken one after another.
  SamplePass(const LossPlan<S, T>& plan, int64_t most_channels, bool whole)
      : plan_(plan),
        whole_(whole),
        streams_(whole && !plan.layout.fits_cache && plan.options.with_gradient),
        kept_(plan.layout.channels),
        candidates_(plan.layout.channels),
        candidate_counts_(plan.classes),
        scales_(plan.batch_rows),
        won_(plan.batch_rows),
        slopes_(plan.batch_rows),
        coverage_slopes_(plan.batch_rows),
        exps_(plan.batch_rows * plan.workspace_stride),
        coverage_winner_(plan.batch_rows * plan.workspace_stride) {
    const auto& layout = plan.layout;
    if (whole && !layout.fits_cache) traffic_.next_step = plan.kernel.width * sizeof(S);
    if (!plan.direct)
      values_ = AlignedBuffer<T>((in_place() ? most_channels : plan.batch_rows) * plan.stride);
    if (layout.channels_last) {
      if (!std::is_same_v<S, T> || streams_) turned_ = AlignedBuffer<T>(plan.kernel.width * most_channels);
      if (!std::is_same_v<S, T>) packed_ = AlignedBuffer<S>(plan.kernel.width * most_channels);
    } else if (streams_) {
      packed_ = AlignedBuffer<S>(2 * plan.batch_rows * plan.stride);
    }
  }

  // Fills the classes' scores and winners and, if no gradient is asked for, what they cover.
  void score(const Sample<S, T>& sample, BatchRange range) {
    apply_mask(sample.mask, range);
    load_all(sample.features, range);
    if (!sample.gradient) ask_for_next(sample);
    for_each_batch(sample.features, range, [&](const ClassBatch& batch, const Groups<T>& groups) {
      T* scores = sample.scores + batch.first_class;
      if (plan_.options.max_score) {
        plan_.kernel.max_scores(groups, scores, winners_of(sample, batch), plan_.workspace_stride);
      } else {
        plan_.kernel.mean_scores(groups, scores);
      }
      if (!sample.gradient) cover(sample, batch, groups);
    });
  }

  // After score() of all classes: what these cover, and the gradient of alpha * discriminality + beta *
  // diversity. `log_sum` is of the sample's scores.
  void differentiate(const Sample<S, T>& sample, BatchRange range, T log_sum, double alpha, double beta) {
    if (!whole_) {
      apply_mask(sample.mask, range);
      load_all(sample.features, range);
    }
    ask_for_next(sample);
    const T score_weight = static_cast<T>(alpha) / static_cast<T>(plan_.layout.positions);
    for_each_batch(sample.features, range, [&](const ClassBatch& batch, const Groups<T>& groups) {
      cover(sample, batch, groups);
      const T share = 1 / static_cast<T>(batch.channels);
      for (int64_t k = 0; k < batch.classes; ++k) {
        // d(cross-entropy)/d(score) = softmax - share.
        const int64_t class_index = batch.first_class + k;
        const T slope = std::exp(sample.scores[class_index] - log_sum) - sample.share_of(class_index);
        slopes_[k] = slope * score_weight * (plan_.options.max_score ? 1 : share);
        coverage_slopes_[k] =
            -static_cast<T>(beta) * share * weight_of_class(plan_, batch, class_index, sample, log_sum);
      }
      const Slopes<T> slopes{plan_.options.max_coverage, coverage_slopes_.data(), slopes_.data(),
                             winners_of(sample, batch)};
      T* out = gradient_rows(sample.gradient, batch, groups);
      plan_.kernel.gradient(groups, workspace(), slopes, out);
      store_batch(sample.gradient, batch, out);
    });
    store_all(sample.gradient, range);
    plan_.kernel.finish(traffic_);
    if (streams_) plan_.kernel.fence();
  }

 private:
  // Of some positions, as many as the first-level cache holds when they are float32.
  static constexpr int64_t kColumns = 256;

  // Whether the rows of all classes lie in the workspace together, and the gradient takes their place.
  bool in_place() const { return plan_.layout.channels_last; }

  void apply_mask(const uint8_t* mask, BatchRange range) {
    if (whole_ && mask == mask_) return;
    mask_ = mask;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const auto& batch = plan_.batches[i];
      std::copy_n(mask + batch.first_channel, batch.rows(), &kept_[batch.first_channel]);
      for (int64_t k = 0; k < batch.classes; ++k) {
        const int64_t first = batch.first_channel + k * batch.channels;
        candidate_counts_[batch.first_class + k] =
            list_candidates(mask + first, batch.channels, &candidates_[first]);
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

  void ask_for_next(const Sample<S, T>& sample) {
    const int64_t size = plan_.layout.channels * plan_.layout.positions;
    if (traffic_.next_step != 0) traffic_.next = reinterpret_cast<const char*>(sample.features + size);
  }

  int16_t* winners_of(const Sample<S, T>& sample, const ClassBatch& batch) const {
    return sample.winner ? sample.winner + batch.first_class * plan_.workspace_stride : nullptr;
  }

  Workspace<T> workspace() {
    return {plan_.workspace_stride,  exps_.data(), scales_.data(), won_.data(),
            coverage_winner_.data(), &traffic_};
  }

  void cover(const Sample<S, T>& sample, const ClassBatch& batch, const Groups<T>& groups) {
    const T share = 1 / static_cast<T>(groups.channels);
    T* covered = sample.covered + batch.first_class;
    plan_.kernel.coverage(groups, workspace(), plan_.options.max_coverage, covered);
    for (int64_t k = 0; k < batch.classes; ++k) covered[k] *= share;
  }

  // Calls visit(batch, groups), with the batch's rows where the kernel wants them.
  template <class Visit>
  void for_each_batch(const S* features, BatchRange range, const Visit& visit) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      const auto& batch = plan_.batches[i];
      visit(batch, Groups<T>{batch.classes, batch.channels, plan_.layout.positions,
                             rows_of(features, range, batch), plan_.stride, &kept_[batch.first_channel],
                             &candidates_[batch.first_channel], &candidate_counts_[batch.first_class]});
    }
  }

  const T* rows_of(const S* features, BatchRange range, const ClassBatch& batch) {
    if (in_place()) return values_.data() + (batch.first_channel - first_channel(range)) * plan_.stride;
    const S* first = features + batch.first_channel * plan_.layout.positions;
    if constexpr (std::is_same_v<S, T>) {
      if (plan_.direct) return first;
    }
    const int64_t positions = plan_.layout.positions;
    for (int64_t j = 0; j < batch.rows(); ++j) {
      T* row = values_.data() + j * plan_.stride;
      widen(first + j * positions, row, positions);
      std::fill(row + positions, row + plan_.stride, row[positions - 1]);
    }
    return values_.data();
  }

  // Of channels_last memory: each row is read once, in order.
  void load_all(const S* features, BatchRange range) {
    if (!in_place()) return;
    const auto [channels, positions, channels_last, fits_cache] = plan_.layout;
    const int64_t count = channels_of(range);
    features += first_channel(range);
    if constexpr (std::is_same_v<S, T>) {
      plan_.kernel.to_channels(features, channels, positions, count, values_.data(), plan_.stride);
    } else {
      const int64_t width = plan_.kernel.width;
      for (int64_t p = 0; p < positions; p += width) {
        const int64_t rows = std::min(width, positions - p);
        for_each_block(count, [&](int64_t c, int64_t columns) {
          for (int64_t i = 0; i < rows; ++i)
            widen(features + (p + i) * channels + c, turned_.data() + i * columns, columns);
          plan_.kernel.to_channels(turned_.data(), columns, rows, columns,
                                   values_.data() + c * plan_.stride + p, plan_.stride);
        });
      }
    }
  }

  void store_all(S* gradient, BatchRange range) {
    if (!in_place()) return;
    const int64_t channels = plan_.layout.channels;
    const int64_t positions = plan_.layout.positions;
    const int64_t width = plan_.kernel.width;
    const int64_t count = channels_of(range);
    gradient += first_channel(range);
    for (int64_t p = 0; p < positions; p += width) {
      const int64_t rows = std::min(width, positions - p);
      S* out = gradient + p * channels;
      if constexpr (std::is_same_v<S, T>) {
        if (!streams_ || has_whole_lines(out)) {
          const auto write = streams_ ? plan_.kernel.stream_positions : plan_.kernel.to_positions;
          write(values_.data() + p, plan_.stride, count, rows, out, channels);
          continue;
        }
      }
      write_positions(p, rows, count, out);
    }
  }

  // Whether all positions from here on begin and end on a line.
  bool has_whole_lines(const S* position) const {
    const auto bytes = static_cast<uintptr_t>(plan_.layout.channels) * sizeof(S);
    return plan_.kernel.stream_positions && (reinterpret_cast<uintptr_t>(position) | bytes) % kCacheLine == 0;
  }

  // Turns positions from p on, which are side by side in memory where they are of all channels.
  void write_positions(int64_t p, int64_t rows, int64_t count, S* out) {
    if constexpr (std::is_same_v<S, T>) {
      plan_.kernel.to_positions(values_.data() + p, plan_.stride, count, rows, turned_.data(), count);
      stream(turned_.data(), out, rows * count);
      return;
    }
    S* target = streams_ ? packed_.data() : out;
    const int64_t target_stride = streams_ ? count : plan_.layout.channels;
    for_each_block(count, [&](int64_t c, int64_t columns) {
      plan_.kernel.to_positions(values_.data() + c * plan_.stride + p, plan_.stride, columns, rows,
                                turned_.data(), columns);
      for (int64_t i = 0; i < rows; ++i)
        narrow(turned_.data() + i * columns, target + i * target_stride + c, columns);
    });
    if (streams_) stream(packed_.data(), out, rows * count);
  }

  // Calls visit(first, columns) for each block of kColumns; the last has up to twice as many.
  template <class Visit>
  static void for_each_block(int64_t count, const Visit& visit) {
    for (int64_t first = 0; first < count;) {
      const int64_t columns = count - first < 2 * kColumns ? count - first : kColumns;
      visit(first, columns);
      first += columns;
    }
  }

  // Where the kernel is to write a batch's gradient.
  T* gradient_rows(S* gradient, const ClassBatch& batch, const Groups<T>& groups) {
    if constexpr (std::is_same_v<S, T>) {
      if (plan_.direct) return streams_ ? spare() : gradient + batch.first_channel * plan_.layout.positions;
    }
    return const_cast<T*>(groups.values);  // in values_
  }

  // Where gradients are streamed, one batch's is written while the next one's is made.
  S* spare() {
    spare_offset_ = plan_.batch_rows * plan_.stride - spare_offset_;
    return packed_.data() + spare_offset_;
  }

  void store_batch(S* gradient, const ClassBatch& batch, const T* rows) {
    if (in_place()) return;
    const int64_t positions = plan_.layout.positions;
    S* out = gradient + batch.first_channel * positions;
    const int64_t count = batch.rows() * positions;
    if constexpr (std::is_same_v<S, T>) {
      if (plan_.direct) return streams_ ? begin_stream(rows, out, count) : void();
    }
    S* packed = streams_ ? spare() : out;
    for (int64_t j = 0; j < batch.rows(); ++j)
      narrow(rows + j * plan_.stride, packed + j * positions, positions);
    if (streams_) begin_stream(packed, out, count);
  }

  void stream(const S* from, S* to, int64_t count) {
    begin_stream(from, to, count);
    plan_.kernel.finish(traffic_);
  }

  // The ends, which are not whole lines, are written at once.
  void begin_stream(const S* first, S* target, int64_t count) {
    plan_.kernel.finish(traffic_);
    const auto bytes = count * static_cast<int64_t>(sizeof(S));
    const auto* from = reinterpret_cast<const char*>(first);
    auto* to = reinterpret_cast<char*>(target);
    const auto past_line = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % kCacheLine);
    const int64_t head = std::min(bytes, past_line == 0 ? 0 : kCacheLine - past_line);
    std::copy_n(from, head, to);
    const int64_t tail = (bytes - head) % kCacheLine;
    std::copy_n(from + bytes - tail, tail, to + bytes - tail);
    traffic_.from = from + head;
    traffic_.to = to + head;
    traffic_.lines = (bytes - head) / kCacheLine;
  }

  const HalfConversion& conversion() const {
    return std::is_same_v<S, c10::BFloat16> ? plan_.kernel.bfloat16 : plan_.kernel.half;
  }

  void widen(const S* from, T* to, int64_t count) const {
    if constexpr (std::is_same_v<S, T>) {
      std::copy_n(from, count, to);
    } else {
      conversion().widen(reinterpret_cast<const uint16_t*>(from), to, count);
    }
  }

  void narrow(const T* from, S* to, int64_t count) const {
    if constexpr (std::is_same_v<S, T>) {
      std::copy_n(from, count, to);
    } else {
      conversion().narrow(from, reinterpret_cast<uint16_t*>(to), count);
    }
  }

  int64_t first_channel(BatchRange range) const { return plan_.batches[range.begin].first_channel; }

  int64_t channels_of(BatchRange range) const {
    const auto& last = plan_.batches[range.end - 1];
    return last.first_channel + last.rows() - first_channel(range);
  }

  const LossPlan<S, T>& plan_;
  bool whole_;
  bool streams_;  // the gradient is written past the caches
  int64_t spare_offset_ = 0;
  Traffic traffic_;
  const uint8_t* mask_ = nullptr;
  std::vector<T> kept_;
  std::vector<int16_t> candidates_;
  std::vector<int> candidate_counts_;
  std::vector<T> scales_, won_, slopes_, coverage_slopes_;
  AlignedBuffer<T> exps_, values_, turned_;
  AlignedBuffer<WinnerOf<T>> coverage_winner_;
  AlignedBuffer<S> packed_;
};

}  // namespace mcloss::cpu
