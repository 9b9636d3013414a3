#include "resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "resample_rows.h"

namespace mcloss::data {
namespace {

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double weigh(Filter filter, double x) {
  constexpr double kCubic = -0.5;
  const double distance = std::abs(x);
  switch (filter) {
    case Filter::kNearest:
      return 1;
    case Filter::kBilinear:
      return distance < 1 ? 1 - distance : 0;
    case Filter::kBicubic:
      if (distance < 1) return ((kCubic + 2) * distance - (kCubic + 3)) * distance * distance + 1;
      return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * kCubic : 0;
    case Filter::kLanczos:
      return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

double support_of(Filter filter) {
  return filter == Filter::kBilinear ? 1 : filter == Filter::kBicubic ? 2 : 3;
}

// One axis: outputs `first` to `first + count` of the stretch from `begin` with `length`, resized to
// `resized`.
struct Axis {
  double begin;
  double length;
  int64_t resized;
  int64_t first;
  int64_t count;
};

// Each output is one pixel; places are summed up, rounding as Pillow's do.
Taps find_nearest(const Axis& axis, int64_t input) {
  const double scale = axis.length / static_cast<double>(axis.resized);
  Taps taps{{}, {}, 1};
  double place = scale * 0.5;
  for (int64_t output = 0; output < axis.first + axis.count; ++output, place += scale) {
    if (output < axis.first) continue;
    const auto start = static_cast<int64_t>(axis.begin) + static_cast<int64_t>(place);
    taps.spans.push_back({std::min(start, input - 1), 1});
    taps.weights.push_back(1 << kPrecisionBits);
  }
  return taps;
}

Taps find_taps(const Axis& axis, int64_t input, Filter filter) {
  if (filter == Filter::kNearest) return find_nearest(axis, input);
  const double scale = axis.length / static_cast<double>(axis.resized);
  const double widening = std::max(scale, 1.0);
  const double support = support_of(filter) * widening;
  // A region is an image of its own: what lies beside it does not show.
  const auto lowest = static_cast<int64_t>(std::floor(axis.begin));
  const auto highest = std::min(input, static_cast<int64_t>(std::ceil(axis.begin + axis.length)));
  Taps taps{{}, {}, static_cast<int64_t>(std::ceil(support)) * 2 + 1};
  taps.weights.resize(static_cast<size_t>(axis.count * taps.stride));
  taps.spans.reserve(static_cast<size_t>(axis.count));
  std::vector<double> exact(static_cast<size_t>(taps.stride));
  for (int64_t output = 0; output < axis.count; ++output) {
    const double center = axis.begin + (static_cast<double>(axis.first + output) + 0.5) * scale;
    const int64_t start = std::max(lowest, static_cast<int64_t>(std::floor(center - support + 0.5)));
    const int64_t end = std::min(highest, static_cast<int64_t>(std::floor(center + support + 0.5)));
    const int64_t count = end - start;
    double sum = 0;
    for (int64_t tap = 0; tap < count; ++tap) {
      exact[tap] = weigh(filter, (static_cast<double>(start + tap) - center + 0.5) / widening);
      sum += exact[tap];
    }
    for (int64_t tap = 0; tap < count; ++tap) {
      const double weight = sum == 0 ? exact[tap] : exact[tap] / sum;
      taps.weights[output * taps.stride + tap] =
          static_cast<int32_t>(std::round(weight * (1 << kPrecisionBits)));
    }
    taps.spans.push_back({start, count});
  }
  return taps;
}

// The stretch of pixels that an axis reads, as its first and last outputs tell.
Taps::Span find_stretch(const Axis& axis, int64_t input, Filter filter) {
  const auto read = [&](int64_t output) {
    return find_taps({axis.begin, axis.length, axis.resized, output, 1}, input, filter).spans.front();
  };
  const auto first = read(axis.first);
  const auto last = read(axis.first + axis.count - 1);
  return {first.start, last.start + last.count - first.start};
}

Axis across_of(const Region& region, const Size& resized, const Window& window) {
  return {region.left, region.width, resized.width, window.left, window.width};
}

Axis down_of(const Region& region, const Size& resized, const Window& window) {
  return {region.top, region.height, resized.height, window.top, window.height};
}

}  // namespace

Window find_read(const Size& size, const Region& region, const Size& resized, const Window& window,
                 Filter filter) {
  const auto across = find_stretch(across_of(region, resized, window), size.width, filter);
  const auto down = find_stretch(down_of(region, resized, window), size.height, filter);
  return {across.start, down.start, across.count, down.count};
}

void resample(const Image& source, const Region& region, const Size& resized, const Window& window,
              Filter filter, uint8_t* target) {
  const auto across = find_taps(across_of(region, resized, window), source.size.width, filter);
  const auto down = find_taps(down_of(region, resized, window), source.size.height, filter);
  const int64_t first_row = down.spans.front().start;
  const int64_t end_row = down.spans.back().start + down.spans.back().count;
  const int64_t first_column = across.spans.front().start;
  const int64_t columns = across.spans.back().start + across.spans.back().count - first_column;
  const int64_t row_bytes = 3 * window.width;
  // Threads live on: their memory is used again.
  thread_local std::vector<uint8_t> narrowed;
  thread_local std::vector<uint8_t> last;
  thread_local std::vector<int32_t> sums;
  sums.resize(static_cast<size_t>(row_bytes));
  narrowed.resize(static_cast<size_t>((end_row - first_row) * row_bytes + kRowSlack));
  const RowResampler narrow(across, first_column);
  for (int64_t row = first_row; row < end_row; ++row) {
    const uint8_t* pixels = source.at(row, first_column);
    // Beyond the others there is another row that may be read.
    if (row + 1 == end_row) {
      last.assign(static_cast<size_t>(3 * columns + kRowSlack), 0);
      std::copy_n(pixels, 3 * columns, last.data());
      pixels = last.data();
    }
    narrow.write(pixels, window.width, narrowed.data() + (row - first_row) * row_bytes);
  }
  for (int64_t row = 0; row < window.height; ++row) {
    const auto [start, count] = down.spans[row];
    blend_rows(narrowed.data() + (start - first_row) * row_bytes, row_bytes, down.weights_of(row), count,
               sums.data(), target + row * row_bytes);
  }
}

}  // namespace mcloss::data
