#pragma once

#include "device.h"
#include "fused_arguments.h"
#include "progress.h"
#include "tiling.h"

namespace mcloss::cuda {

// Classes side by side of equally many channels.
struct Tile {
  int first_class;
  int classes;
  int first_channel;
  int channels;       // of each class
  int block_classes;  // of the block that they are part of

  MCLOSS_DEVICE int rows() const { return classes * channels; }
};

MCLOSS_DEVICE Tile tile_of(const ChannelTable& table, int index) {
  int block = 0;
  while (block + 1 < table.blocks && table.first_tile[block + 1] <= index) ++block;
  const int skipped = (index - table.first_tile[block]) * table.tile_classes[block];
  const int left = table.classes[block] - skipped;
  const int channels = table.channels[block];
  return {table.first_class[block] + skipped,
          left < table.tile_classes[block] ? left : table.tile_classes[block],
          table.first_channel[block] + skipped * channels, channels, table.classes[block]};
}

template <class T>
MCLOSS_DEVICE T weight(const FusedArguments& a, int which) {
  const T factor = a.weights ? static_cast<const T*>(a.weights)[which * a.weights_stride] : T(1);
  return static_cast<T>(which == 0 ? a.alpha : a.beta) * factor;
}

// How much of class k a sample is.
template <class T>
MCLOSS_DEVICE T share_of(const FusedArguments& a, int sample, int k) {
  if (a.targets) return static_cast<const T*>(a.targets)[sample * static_cast<int64_t>(a.classes) + k];
  return static_cast<T>(a.labels[sample] == k);
}

// The channel whose value(j) is the largest, the first of equals; a NaN beats every number.
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

// A block's shared memory, as tile_bytes() counts it. Without staging there is no room for values, pooled and
// the winners.
template <class T>
struct SharedTile {
  T* room;                 // [kMostWarps]
  T* values;               // [rows], row_stride apart, behind as many elements as features are past a pack
  T* kept;                 // [rows]: the mask
  T* shift;                // [rows]: a row's largest value
  T* scale;                // [rows]: 1 / the sum of a row's exps
  T* won;                  // [rows]: the softmax at the places that a channel won, summed
  T* score;                // [classes]
  T* pooled;               // [classes, positions]
  uint16_t* winner;        // [classes, positions]
  uint16_t* score_winner;  // [classes, positions]
  MCLOSS_DEVICE SharedTile(void* memory, const Tile& tile, const FusedArguments& a) {
    const int rows = tile.rows();
    const int places = a.staged ? tile.classes * a.positions : 0;
    room = static_cast<T*>(memory);
    values = room + kMostWarps;
    kept = values + (a.staged ? rows * a.row_stride + kMostPast : 0);
    shift = kept + rows;
    scale = shift + rows;
    won = scale + rows;
    score = won + rows;
    pooled = score + tile.classes;
    winner = reinterpret_cast<uint16_t*>(pooled + places);
    score_winner = winner + places;
  }
};

// One tile of one sample. One block of threads: lanes share a row, threads take places.
template <class S, class T, bool kStaged>
class TilePass {
 public:
  MCLOSS_DEVICE TilePass(const FusedArguments& a, int tile, int sample, void* memory)
      : a_(a),
        tile_(tile_of(a.table, tile)),
        sample_(sample),
        shared_(memory, tile_, a),
        start_(sample * a.sample_stride +
               tile_.first_channel * static_cast<int64_t>(a.channels_last ? 1 : a.positions)),
        features_(static_cast<const S*>(a.features) + start_),
        stride_(a.row_stride) {
    if (kStaged) {
      values_ = shared_.values + (a.channels_last ? 0 : past_pack(features_));
      winner_ = shared_.winner;
      score_winner_ = shared_.score_winner;
    } else {
      const int64_t index = sample * static_cast<int64_t>(a.classes) + tile_.first_class;
      winner_ = a.winners + 2 * index * a.positions;
      score_winner_ = winner_ + a.positions;
    }
  }

  // Brings what the block needs into shared memory.
  MCLOSS_DEVICE void load() {
    const uint8_t* mask = a_.mask + static_cast<int64_t>(sample_) * a_.mask_stride + tile_.first_channel;
    for (int j = threadIdx.x; j < tile_.rows(); j += blockDim.x) shared_.kept[j] = static_cast<T>(mask[j]);
    if (kStaged && a_.channels_last) load_channels_last();
    if (kStaged && !a_.channels_last) load_contiguous();
    __syncthreads();
  }

  // g of the classes; who wins it at each place.
  MCLOSS_DEVICE void find_scores() {
    pool(
        [&](int first, int p, uint16_t* winner) {
          const auto kept = [&](int j) { return shared_.kept[first + j] * value(first + j, p); };
          T pooled = 0;
          if (a_.max_score) {
            *winner = static_cast<uint16_t>(first_largest(tile_.channels, kept, pooled));
          } else {
            for (int j = 0; j < tile_.channels; ++j) pooled += kept(j);
            pooled /= static_cast<T>(tile_.channels);
          }
          return pooled;
        },
        score_winner_, [&](int k, T sum) { shared_.score[k] = sum / static_cast<T>(a_.positions); });
    __syncthreads();
  }

  MCLOSS_DEVICE void write_scores() const {
    T* scores = static_cast<T*>(a_.scores) + class_index(0);
    for (int k = threadIdx.x; k < tile_.classes; k += blockDim.x) scores[k] = shared_.score[k];
  }

  // h of the classes. The values give way to their exps.
  MCLOSS_DEVICE void find_coverage() {
    take_exps();
    T* covered = static_cast<T*>(a_.covered) + class_index(0);
    pool(
        [&](int first, int p, uint16_t* winner) {
          const auto softmax = [&](int j) { return exponential(first + j, p) * shared_.scale[first + j]; };
          T pooled = 0;
          if (a_.max_coverage) {
            *winner = static_cast<uint16_t>(first_largest(tile_.channels, softmax, pooled));
          } else {
            for (int j = 0; j < tile_.channels; ++j) pooled += softmax(j);
            pooled /= static_cast<T>(tile_.channels);
          }
          return pooled;
        },
        winner_, [&](int k, T sum) { covered[k] = sum / static_cast<T>(tile_.channels); });
    __syncthreads();
  }

  // After both.
  MCLOSS_DEVICE void find_gradient(T log_sum) {
    if (a_.max_coverage) sum_won();
    for_each_row(tile_.rows(), [&](int row, int lane, int end) {
      const int k = row / tile_.channels;
      const RowSlopes slopes = slopes_of(k, row, log_sum);
      const int j = row - k * tile_.channels;
      const uint16_t* winner = winner_ + k * a_.positions;
      const uint16_t* score_winner = score_winner_ + k * a_.positions;
      for (int p = lane; p < end; p += a_.row_lanes) {
        T slope = slopes.score;
        if (a_.max_score && score_winner[p] != j) slope = 0;
        if (a_.max_coverage) slope += exponential(row, p) * (winner[p] == j ? slopes.winning : slopes.losing);
        put_gradient(row, p, slope);
      }
    });
    if (!kStaged) return;
    __syncthreads();
    if (a_.channels_last) store_channels_last();
    if (!a_.channels_last) store_contiguous();
  }

 private:
  // What each place of a row gets: its exp times a factor, which depends on whether the channel won the
  // place, plus a share of the score's gradient. Through the softmax s of a channel: dh/dvalue[p] = s[p] *
  // (won[p] - sum of s over the places that it won).
  struct RowSlopes {
    T winning;
    T losing;
    T score;
  };

  // d(cross-entropy)/d(score) = softmax - share goes to each position's winner; a masked winner is a
  // constant 0.
  MCLOSS_DEVICE RowSlopes slopes_of(int k, int row, T log_sum) const {
    const T samples = static_cast<T>(a_.samples);
    const T channels = static_cast<T>(tile_.channels);
    const T own = share_of<T>(a_, sample_, tile_.first_class + k);
    const T probability = exp_of(shared_.score[k] - log_sum);
    T score = probability - own;
    score *= weight<T>(a_, 0) / (samples * static_cast<T>(a_.positions)) * shared_.kept[row];
    if (!a_.max_score) score /= channels;
    if (!a_.max_coverage) return {0, 0, score};
    const T of_class = coverage_weight(a_.diversity_over, a_.classes, tile_.block_classes, own, probability);
    const T coverage = -weight<T>(a_, 1) * of_class / (samples * channels) * shared_.scale[row];
    return {coverage * (1 - shared_.won[row]), -coverage * shared_.won[row], score};
  }

  MCLOSS_DEVICE int64_t class_index(int k) const {
    return sample_ * static_cast<int64_t>(a_.classes) + tile_.first_class + k;
  }

  // The place in memory. A sample has fewer than 2^31 elements.
  MCLOSS_DEVICE int place(int row, int p) const {
    return a_.channels_last ? p * a_.channels + row : row * a_.positions + p;
  }

  MCLOSS_DEVICE T value(int row, int p) const {
    return kStaged ? values_[row * stride_ + p] : widen<T>(read_features(features_ + place(row, p)));
  }

  MCLOSS_DEVICE T exponential(int row, int p) const {
    return kStaged ? values_[row * stride_ + p] : exp_of(value(row, p) - shared_.shift[row]);
  }

  MCLOSS_DEVICE void put_gradient(int row, int p, T slope) {
    if (kStaged) {
      values_[row * stride_ + p] = slope;
    } else {
      write_gradient(gradient() + place(row, p), Narrow<S, T>::of(slope));
    }
  }

  MCLOSS_DEVICE S* gradient() const { return static_cast<S*>(a_.gradient) + start_; }

  // Calls visit(row, lane, end) for each row by as many lanes as share one, all lanes of a warp together;
  // those beyond the last row get an `end` of 0 in place of the number of positions.
  template <class Visit>
  MCLOSS_DEVICE void for_each_row(int rows, const Visit& visit) const {
    const int side_by_side = kWarp / a_.row_lanes;
    const int mine = lane() / a_.row_lanes;
    for (int first = warp() * side_by_side; first < rows; first += warps() * side_by_side) {
      const int row = first + mine;
      visit(row < rows ? row : rows - 1, lane() % a_.row_lanes, row < rows ? a_.positions : 0);
    }
  }

  // The same result in every lane of a row.
  template <class Combine>
  MCLOSS_DEVICE T reduce_row(T value, Combine combine) const {
    for (int distance = a_.row_lanes / 2; distance > 0; distance /= 2) {
      value = combine(value, __shfl_xor_sync(0xffffffffU, value, distance));
    }
    return value;
  }

  // Calls of_place(first row of the class, position, winner) for each place of each class and write(class,
  // sum) with their sums, which are the same from run to run.
  template <class OfPlace, class Write>
  MCLOSS_DEVICE void pool(const OfPlace& of_place, uint16_t* winner, const Write& write) {
    if (!kStaged) {
      T sum = 0;
      for (int p = threadIdx.x; p < a_.positions; p += blockDim.x) sum += of_place(0, p, winner + p);
      sum = reduce_block(sum, Sum(), shared_.room);
      if (threadIdx.x == 0) write(0, sum);
      return;
    }
    for_each_pair(tile_.classes, a_.positions, [&](int k, int p) {
      const int place = k * a_.positions + p;
      shared_.pooled[place] = of_place(k * tile_.channels, p, winner + place);
    });
    __syncthreads();
    for_each_row(tile_.classes, [&](int k, int lane, int end) {
      T sum = 0;
      for (int p = lane; p < end; p += a_.row_lanes) sum += shared_.pooled[k * a_.positions + p];
      sum = reduce_row(sum, Sum());
      if (lane == 0 && end > 0) write(k, sum);
    });
  }

  MCLOSS_DEVICE void take_exps() {
    for_each_row(tile_.rows(), [&](int row, int lane, int end) {
      T largest = value(row, 0);
      for (int p = lane; p < end; p += a_.row_lanes) largest = Max()(largest, value(row, p));
      largest = reduce_row(largest, Max());
      T sum = 0;
      for (int p = lane; p < end; p += a_.row_lanes) {
        const T e = exp_of(value(row, p) - largest);
        if (kStaged) values_[row * stride_ + p] = e;
        sum += e;
      }
      sum = reduce_row(sum, Sum());
      if (lane != 0 || end == 0) return;
      shared_.shift[row] = largest;
      shared_.scale[row] = 1 / sum;
    });
    __syncthreads();
  }

  MCLOSS_DEVICE void sum_won() {
    for_each_row(tile_.rows(), [&](int row, int lane, int end) {
      const int k = row / tile_.channels;
      const int j = row - k * tile_.channels;
      const uint16_t* winner = winner_ + k * a_.positions;
      T sum = 0;
      for (int p = lane; p < end; p += a_.row_lanes) sum += winner[p] == j ? exponential(row, p) : T(0);
      sum = reduce_row(sum, Sum());
      if (lane == 0 && end > 0) shared_.won[row] = sum * shared_.scale[row];
    });
    __syncthreads();
  }

  // Of rows side by side in memory: calls one(i) for the elements before and after whole packs, and pack(i)
  // for the first of each pack.
  template <class One, class WholePack>
  MCLOSS_DEVICE void for_each_pack(int past, const One& one, const WholePack& pack) const {
    constexpr int kSize = Pack<S>::kSize;
    const int count = tile_.rows() * a_.positions;
    const int before = past == 0 ? 0 : kSize - past;
    const int head = before < count ? before : count;
    const int packs = (count - head) / kSize;
    const int tail = head + packs * kSize;
    for (int i = threadIdx.x; i < head; i += blockDim.x) one(i);
    for (int i = threadIdx.x; i < packs; i += blockDim.x) pack(head + i * kSize);
    for (int i = tail + static_cast<int>(threadIdx.x); i < count; i += blockDim.x) one(i);
  }

  MCLOSS_DEVICE void load_contiguous() {
    constexpr int kSize = Pack<S>::kSize;
    for_each_pack(
        past_pack(features_), [&](int i) { values_[i] = widen<T>(read_features(features_ + i)); },
        [&](int i) {
          const auto pack = read_features(reinterpret_cast<const Pack<S>*>(features_ + i));
          Wide wide;
          for (int e = 0; e < kSize; ++e) wide.values[e] = widen<T>(pack.values[e]);
          *reinterpret_cast<Wide*>(values_ + i) = wide;
        });
  }

  MCLOSS_DEVICE void store_contiguous() const {
    constexpr int kSize = Pack<S>::kSize;
    S* out = gradient();
    const bool alike = past_pack(out) == past_pack(features_);
    for_each_pack(
        past_pack(out), [&](int i) { write_gradient(out + i, Narrow<S, T>::of(values_[i])); },
        [&](int i) {
          Wide wide;
          if (alike) {
            wide = *reinterpret_cast<const Wide*>(values_ + i);
          } else {
            for (int e = 0; e < kSize; ++e) wide.values[e] = values_[i + e];
          }
          Pack<S> pack;
          for (int e = 0; e < kSize; ++e) pack.values[e] = Narrow<S, T>::of(wide.values[e]);
          write_gradient(reinterpret_cast<Pack<S>*>(out + i), pack);
        });
  }

  // Whether each position's channels of the tile are whole packs.
  MCLOSS_DEVICE bool has_packs(const S* first) const {
    constexpr int kSize = Pack<S>::kSize;
    return past_pack(first) == 0 && a_.channels % kSize == 0 && tile_.rows() % kSize == 0;
  }

  MCLOSS_DEVICE void load_channels_last() {
    constexpr int kSize = Pack<S>::kSize;
    if (!has_packs(features_)) {
      for_each_pair(a_.positions, tile_.rows(), [&](int p, int row) {
        values_[row * stride_ + p] = widen<T>(read_features(features_ + place(row, p)));
      });
      return;
    }
    for_each_pair(a_.positions, tile_.rows() / kSize, [&](int p, int i) {
      const auto pack = read_features(reinterpret_cast<const Pack<S>*>(features_ + place(i * kSize, p)));
      for (int e = 0; e < kSize; ++e) values_[(i * kSize + e) * stride_ + p] = widen<T>(pack.values[e]);
    });
  }

  MCLOSS_DEVICE void store_channels_last() const {
    constexpr int kSize = Pack<S>::kSize;
    S* out = gradient();
    if (!has_packs(out)) {
      for_each_pair(a_.positions, tile_.rows(), [&](int p, int row) {
        write_gradient(out + place(row, p), Narrow<S, T>::of(values_[row * stride_ + p]));
      });
      return;
    }
    for_each_pair(a_.positions, tile_.rows() / kSize, [&](int p, int i) {
      Pack<S> pack;
      for (int e = 0; e < kSize; ++e)
        pack.values[e] = Narrow<S, T>::of(values_[(i * kSize + e) * stride_ + p]);
      write_gradient(reinterpret_cast<Pack<S>*>(out + place(i * kSize, p)), pack);
    });
  }

  // A pack's elements in shared memory.
  struct alignas(16) Wide {
    T values[Pack<S>::kSize];
  };

  const FusedArguments& a_;
  Tile tile_;
  int sample_;
  SharedTile<T> shared_;
  int64_t start_;  // of the tile in memory, in elements
  const S* features_;
  int stride_;  // of the rows in shared memory
  T* values_ = nullptr;
  uint16_t* winner_;
  uint16_t* score_winner_;
};

// By the block that has a sample's last scores: log(sum(exp(scores))) and the cross-entropy. A label out of
// range cannot be refused without waiting for the device: it gives NaN.
template <class T>
MCLOSS_DEVICE void write_log_sum(const FusedArguments& a, int sample, T* room) {
  const T* scores = static_cast<const T*>(a.scores) + sample * static_cast<int64_t>(a.classes);
  T largest = read_fresh(scores);
  for (int k = threadIdx.x; k < a.classes; k += blockDim.x) largest = Max()(largest, read_fresh(scores + k));
  largest = reduce_block(largest, Max(), room);
  T sum = 0;
  for (int k = threadIdx.x; k < a.classes; k += blockDim.x) sum += exp_of(read_fresh(scores + k) - largest);
  sum = reduce_block(sum, Sum(), room);
  const T log_sum = log_of(sum) + largest;
  T entropy = 0;
  if (a.targets) {
    for (int k = threadIdx.x; k < a.classes; k += blockDim.x) {
      entropy += share_of<T>(a, sample, k) * (log_sum - read_fresh(scores + k));
    }
    entropy = reduce_block(entropy, Sum(), room);
  }
  if (threadIdx.x != 0) return;
  static_cast<T*>(a.log_sums)[sample] = log_sum;
  if (a.targets) {
    static_cast<T*>(a.entropy)[sample] = entropy;
    return;
  }
  const int64_t label = a.labels[sample];
  const bool valid = label >= 0 && label < a.classes;
  const T zero = 0;
  static_cast<T*>(a.entropy)[sample] = valid ? log_sum - read_fresh(scores + label) : zero / zero;
}

// By how much a class's h / channels counts in the diversity, once the sample's log_sum is written.
template <class T>
MCLOSS_DEVICE T weight_of_class(const FusedArguments& a, int sample, int k) {
  T probability = 0;
  if (a.diversity_over == DiversityOver::kScores) {
    const T* scores = static_cast<const T*>(a.scores) + sample * static_cast<int64_t>(a.classes);
    probability = exp_of(read_fresh(scores + k) - read_fresh(static_cast<const T*>(a.log_sums) + sample));
  }
  int block = 0;
  while (block + 1 < a.table.blocks && a.table.first_class[block + 1] <= k) ++block;
  return coverage_weight(a.diversity_over, a.classes, a.table.classes[block], share_of<T>(a, sample, k),
                         probability);
}

// The means over samples. One block of threads; sums in the same order every time.
template <class T>
MCLOSS_DEVICE void write_losses(const FusedArguments& a, T* room) {
  const T* entropy = static_cast<const T*>(a.entropy);
  const T* covered = static_cast<const T*>(a.covered);
  T entropy_sum = 0;
  for (int n = threadIdx.x; n < a.samples; n += blockDim.x) entropy_sum += read_fresh(entropy + n);
  T covered_sum = 0;
  for_each_pair(a.samples, a.classes, [&](int n, int k) {
    covered_sum +=
        weight_of_class<T>(a, n, k) * read_fresh(covered + n * static_cast<int64_t>(a.classes) + k);
  });
  entropy_sum = reduce_block(entropy_sum, Sum(), room);
  covered_sum = reduce_block(covered_sum, Sum(), room);
  if (threadIdx.x != 0) return;
  const T discriminality = entropy_sum / static_cast<T>(a.samples);
  const T whole = static_cast<T>(sum_of_weights(a.diversity_over, a.table.blocks));
  const T diversity = whole - covered_sum / static_cast<T>(a.samples);
  *static_cast<T*>(a.discriminality) = discriminality;
  *static_cast<T*>(a.diversity) = diversity;
  *static_cast<T*>(a.loss) = weight<T>(a, 0) * discriminality + weight<T>(a, 1) * diversity;
}

// Everything in one launch: blocks take tiles in order until none is left. Each tile is read once. With a
// gradient a block waits for its sample's other tiles, so at least as many blocks as a sample has tiles must
// run at the same time.
template <class S, class T>
MCLOSS_DEVICE void run_fused(const FusedArguments& a, void* memory, unsigned* room) {
  Progress progress(a, room);
  T* reduction = static_cast<T*>(memory);
  for (;;) {
    const int ticket = progress.take_ticket();
    const int sample = ticket / a.tiles;
    if (sample >= a.samples) break;
    TilePass<S, T, true> pass(a, ticket - sample * a.tiles, sample, memory);
    pass.load();
    pass.find_scores();
    pass.write_scores();
    if (progress.arrive(sample)) {
      write_log_sum(a, sample, reduction);
      progress.set_ready(sample);
    }
    // While the others finish their scores.
    pass.find_coverage();
    if (!a.gradient) continue;
    progress.wait_until_ready(sample);
    pass.find_gradient(read_fresh(static_cast<const T*>(a.log_sums) + sample));
  }
  if (progress.finish()) write_losses<T>(a, reduction);
}

// The same in two launches, where a tile must be read twice, and write_losses() in a third.
template <class S, class T, bool kStaged>
MCLOSS_DEVICE void run_scores(const FusedArguments& a, int tile, int sample, void* memory, unsigned* room) {
  TilePass<S, T, kStaged> pass(a, tile, sample, memory);
  pass.load();
  pass.find_scores();
  pass.write_scores();
  if (Progress(a, room).arrive(sample)) write_log_sum(a, sample, static_cast<T*>(memory));
}

template <class S, class T, bool kStaged>
MCLOSS_DEVICE void run_coverage(const FusedArguments& a, int tile, int sample, void* memory) {
  TilePass<S, T, kStaged> pass(a, tile, sample, memory);
  pass.load();
  if (a.gradient) pass.find_scores();
  pass.find_coverage();
  if (a.gradient) pass.find_gradient(static_cast<const T*>(a.log_sums)[sample]);
}

}  // namespace mcloss::cuda
