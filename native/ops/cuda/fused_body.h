#pragma once

#include "device.h"
#include "fused_arguments.h"

namespace mcloss::cuda {

MCLOSS_DEVICE Group group_of(const ChannelTable& table, int index) {
  int block = 0;
  while (block + 1 < table.blocks && table.first_class[block + 1] <= index) ++block;
  const int channels = table.channels[block];
  return {table.first_channel[block] + (index - table.first_class[block]) * channels, channels};
}

// One class's channels of one sample, where they lie.
template <class S, class T>
struct Rows {
  const S* values;
  int64_t channel_stride;
  int64_t position_stride;

  MCLOSS_DEVICE T at(int channel, int position) const {
    return widen<T>(values[channel * channel_stride + position * position_stride]);
  }
};

template <class S, class T>
MCLOSS_DEVICE Rows<S, T> rows_of(const FusedArguments& a, int sample, const Group& group) {
  const S* values = static_cast<const S*>(a.features) + sample * a.sample_stride;
  return {values + group.first_channel * a.channel_stride, a.channel_stride, a.position_stride};
}

template <class T>
MCLOSS_DEVICE T weight(const FusedArguments& a, int which) {
  const T factor = a.weights ? static_cast<const T*>(a.weights)[which] : T(1);
  return static_cast<T>(which == 0 ? a.alpha : a.beta) * factor;
}

// The channel of `group` whose value(j) is the largest, the first of equals; a NaN beats every number.
template <class T, class Value>
MCLOSS_DEVICE int first_largest(int channels, const Value& value, T& best) {
  int winner = 0;
  best = value(0);
  for (int j = 1; j < channels; ++j) {
    const T candidate = value(j);
    if (!(candidate > best || candidate != candidate)) continue;
    best = candidate;
    winner = j;
  }
  return winner;
}

// g of one class of one sample. One block of threads.
template <class S, class T>
MCLOSS_DEVICE void score_group(const FusedArguments& a, int index, int sample, T* room) {
  const Group group = group_of(a.table, index);
  const Rows<S, T> rows = rows_of<S, T>(a, sample, group);
  const uint8_t* mask = a.mask + sample * a.mask_stride + group.first_channel;
  T sum = 0;
  for (int p = threadIdx.x; p < a.positions; p += blockDim.x) {
    const auto kept = [&](int j) { return static_cast<T>(mask[j]) * rows.at(j, p); };
    T pooled = 0;
    if (a.max_score) {
      first_largest(group.channels, kept, pooled);
    } else {
      for (int j = 0; j < group.channels; ++j) pooled += kept(j);
      pooled /= static_cast<T>(group.channels);
    }
    sum += pooled;
  }
  sum = reduce_block(sum, Sum(), room);
  if (threadIdx.x == 0) {
    static_cast<T*>(a.scores)[sample * static_cast<int64_t>(a.classes) + index] =
        sum / static_cast<T>(a.positions);
  }
}

// log(sum(exp(scores))) of a sample.
template <class T>
MCLOSS_DEVICE T log_sum(const FusedArguments& a, int sample, T* room) {
  const T* scores = static_cast<const T*>(a.scores) + sample * static_cast<int64_t>(a.classes);
  T largest = scores[0];
  for (int k = threadIdx.x; k < a.classes; k += blockDim.x) largest = Max()(largest, scores[k]);
  largest = reduce_block(largest, Max(), room);
  T sum = 0;
  for (int k = threadIdx.x; k < a.classes; k += blockDim.x) sum += exp_of(scores[k] - largest);
  return log_of(reduce_block(sum, Sum(), room)) + largest;
}

// A block's shared memory. `values` has no room where a group does not fit.
template <class T>
struct SharedRows {
  T* room;                 // [warps]
  T* shift;                // [channels]: a row's largest value
  T* scale;                // [channels]: 1 / the sum of a row's exps
  T* won;                  // [channels]: the softmax at the places that a channel won, summed
  T* values;               // [channels, positions]
  uint16_t* winner;        // [positions]
  uint16_t* score_winner;  // [positions]
};

constexpr int kMostWarps = 32;

inline int64_t shared_bytes(int channels, int positions, int64_t element_size, bool staged) {
  const int64_t elements = kMostWarps + 3 * channels + (staged ? int64_t{channels} * positions : 0);
  return elements * element_size + int64_t{2} * positions * static_cast<int64_t>(sizeof(uint16_t));
}

template <class T>
MCLOSS_DEVICE SharedRows<T> share_out(void* memory, int channels, int positions, bool staged) {
  SharedRows<T> shared;
  shared.room = static_cast<T*>(memory);
  shared.shift = shared.room + kMostWarps;
  shared.scale = shared.shift + channels;
  shared.won = shared.scale + channels;
  shared.values = shared.won + channels;
  T* end = shared.values + (staged ? static_cast<int64_t>(channels) * positions : 0);
  shared.winner = reinterpret_cast<uint16_t*>(end);
  shared.score_winner = shared.winner + positions;
  return shared;
}

// h of one class of one sample and, where it is asked for, the gradient of the class's channels. One block of
// threads. Warps take rows; threads take columns.
template <class S, class T, bool kStaged>
class GroupPass {
 public:
  MCLOSS_DEVICE GroupPass(const FusedArguments& a, int index, int sample, void* memory)
      : a_(a),
        index_(index),
        sample_(sample),
        group_(group_of(a.table, index)),
        rows_(rows_of<S, T>(a, sample, group_)),
        mask_(a.mask + sample * a.mask_stride + group_.first_channel),
        shared_(share_out<T>(memory, group_.channels, a.positions, kStaged)) {}

  MCLOSS_DEVICE void run() {
    const T log_sum_exp = log_sum(a_, sample_, shared_.room);
    if (index_ == 0 && threadIdx.x == 0) write_entropy(log_sum_exp);
    if (kStaged) stage();
    find_largest();
    if (a_.gradient && a_.max_score) find_score_winners();
    take_exps();
    write_coverage();
    if (!a_.gradient) return;
    sum_won();
    write_gradient(log_sum_exp);
  }

 private:
  MCLOSS_DEVICE T value(int j, int p) const {
    return kStaged ? shared_.values[static_cast<int64_t>(j) * a_.positions + p] : rows_.at(j, p);
  }

  MCLOSS_DEVICE T power(int j, int p) const {
    return kStaged ? value(j, p) : exp_of(rows_.at(j, p) - shared_.shift[j]);
  }

  // Visits all places of the group, neighbours in memory by neighbouring threads.
  template <class Visit>
  MCLOSS_DEVICE void for_each_place(const Visit& visit) const {
    const bool along_positions = a_.position_stride == 1;
    const int inner = along_positions ? a_.positions : group_.channels;
    const int64_t count = static_cast<int64_t>(group_.channels) * a_.positions;
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
      const int outer_index = static_cast<int>(i / inner);
      const int inner_index = static_cast<int>(i % inner);
      visit(along_positions ? outer_index : inner_index, along_positions ? inner_index : outer_index);
    }
  }

  MCLOSS_DEVICE T score(int index) const {
    return static_cast<const T*>(a_.scores)[sample_ * static_cast<int64_t>(a_.classes) + index];
  }

  // A label out of range cannot be refused without waiting for the device: it gives NaN.
  MCLOSS_DEVICE void write_entropy(T log_sum_exp) const {
    const int64_t label = a_.labels[sample_];
    const bool valid = label >= 0 && label < a_.classes;
    const T zero = 0;
    static_cast<T*>(a_.entropy)[sample_] = valid ? log_sum_exp - score(static_cast<int>(label)) : zero / zero;
  }

  MCLOSS_DEVICE void stage() {
    for_each_place(
        [&](int j, int p) { shared_.values[static_cast<int64_t>(j) * a_.positions + p] = rows_.at(j, p); });
    __syncthreads();
  }

  MCLOSS_DEVICE void find_largest() {
    for (int j = warp(); j < group_.channels; j += warps()) {
      T largest = value(j, 0);
      for (int p = lane(); p < a_.positions; p += kWarp) largest = Max()(largest, value(j, p));
      largest = reduce_warp(largest, Max());
      if (lane() == 0) shared_.shift[j] = largest;
    }
  }

  MCLOSS_DEVICE void find_score_winners() {
    for (int p = threadIdx.x; p < a_.positions; p += blockDim.x) {
      T best;
      shared_.score_winner[p] = static_cast<uint16_t>(first_largest(
          group_.channels, [&](int j) { return static_cast<T>(mask_[j]) * value(j, p); }, best));
    }
  }

  MCLOSS_DEVICE void take_exps() {
    __syncthreads();
    for (int j = warp(); j < group_.channels; j += warps()) {
      T sum = 0;
      for (int p = lane(); p < a_.positions; p += kWarp) {
        const T e = exp_of(value(j, p) - shared_.shift[j]);
        if (kStaged) shared_.values[static_cast<int64_t>(j) * a_.positions + p] = e;
        sum += e;
      }
      sum = reduce_warp(sum, Sum());
      if (lane() == 0) shared_.scale[j] = 1 / sum;
    }
    __syncthreads();
  }

  MCLOSS_DEVICE void write_coverage() {
    T sum = 0;
    for (int p = threadIdx.x; p < a_.positions; p += blockDim.x) {
      const auto softmax = [&](int j) { return power(j, p) * shared_.scale[j]; };
      T pooled = 0;
      if (a_.max_coverage) {
        shared_.winner[p] = static_cast<uint16_t>(first_largest(group_.channels, softmax, pooled));
      } else {
        for (int j = 0; j < group_.channels; ++j) pooled += softmax(j);
        pooled /= static_cast<T>(group_.channels);
      }
      sum += pooled;
    }
    sum = reduce_block(sum, Sum(), shared_.room);
    if (threadIdx.x == 0) {
      static_cast<T*>(a_.covered)[sample_ * static_cast<int64_t>(a_.classes) + index_] =
          sum / static_cast<T>(group_.channels);
    }
  }

  MCLOSS_DEVICE void sum_won() {
    if (a_.max_coverage) {
      for (int j = warp(); j < group_.channels; j += warps()) {
        T sum = 0;
        for (int p = lane(); p < a_.positions; p += kWarp) sum += shared_.winner[p] == j ? power(j, p) : T(0);
        sum = reduce_warp(sum, Sum());
        if (lane() == 0) shared_.won[j] = sum * shared_.scale[j];
      }
    }
    __syncthreads();
  }

  // Through the softmax s of a channel: dh/dvalue[p] = s[p] * (won[p] - sum of s over the places that it
  // won). d(cross-entropy)/d(score) = softmax - one-hot goes to each position's winner; a masked winner is a
  // constant 0.
  MCLOSS_DEVICE void write_gradient(T log_sum_exp) const {
    const T samples = static_cast<T>(a_.samples);
    T of_score = exp_of(score(index_) - log_sum_exp) - static_cast<T>(a_.labels[sample_] == index_);
    of_score *= weight<T>(a_, 0) / (samples * static_cast<T>(a_.positions));
    if (!a_.max_score) of_score /= static_cast<T>(group_.channels);
    const T of_coverage =
        -weight<T>(a_, 1) / (samples * static_cast<T>(a_.classes) * static_cast<T>(group_.channels));
    S* gradient =
        static_cast<S*>(a_.gradient) + sample_ * a_.sample_stride + group_.first_channel * a_.channel_stride;
    for_each_place([&](int j, int p) {
      T slope = 0;
      if (a_.max_coverage) {
        slope = of_coverage * shared_.scale[j] * (static_cast<T>(shared_.winner[p] == j) - shared_.won[j]);
      }
      const bool takes_score = !a_.max_score || shared_.score_winner[p] == j;
      const T from_score = takes_score ? of_score * static_cast<T>(mask_[j]) : T(0);
      gradient[j * a_.channel_stride + p * a_.position_stride] =
          Narrow<S, T>::of(power(j, p) * slope + from_score);
    });
  }

  const FusedArguments& a_;
  int index_;
  int sample_;
  Group group_;
  Rows<S, T> rows_;
  const uint8_t* mask_;
  SharedRows<T> shared_;
};

// The means over samples and classes. One block of threads; sums in the same order every time.
template <class T>
MCLOSS_DEVICE void write_losses(const FusedArguments& a, T* room) {
  const T* entropy = static_cast<const T*>(a.entropy);
  const T* covered = static_cast<const T*>(a.covered);
  const int64_t groups = static_cast<int64_t>(a.samples) * a.classes;
  T entropy_sum = 0;
  for (int n = threadIdx.x; n < a.samples; n += blockDim.x) entropy_sum += entropy[n];
  T covered_sum = 0;
  for (int64_t i = threadIdx.x; i < groups; i += blockDim.x) covered_sum += covered[i];
  entropy_sum = reduce_block(entropy_sum, Sum(), room);
  covered_sum = reduce_block(covered_sum, Sum(), room);
  if (threadIdx.x != 0) return;
  const T discriminality = entropy_sum / static_cast<T>(a.samples);
  const T diversity = 1 - covered_sum / static_cast<T>(groups);
  *static_cast<T*>(a.discriminality) = discriminality;
  *static_cast<T*>(a.diversity) = diversity;
  *static_cast<T*>(a.loss) = static_cast<T>(a.alpha) * discriminality + static_cast<T>(a.beta) * diversity;
}

}  // namespace mcloss::cuda
