#include "batch_norm_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "batch_norm_kernel.h"

namespace mcloss::cpu {
namespace {

// Numbers whose sums are made by themselves, by whichever thread, before the sums are put together in their
// order: enough that what the sums take is little.
constexpr int64_t kPartNumbers = 128 * 1024;
constexpr int64_t kMostPartRows = 512;
constexpr int64_t kLeastPartRows = 16;
// What makes a thread worth its start.
constexpr int64_t kThreadNumbers = 32 * 1024;
// Where there are fewer channels, the kernels take several places for one row, a multiple of a vector.
constexpr int64_t kChannelsAtLeast = 64;
constexpr int64_t kVector = 32;

struct Part {
  int64_t start;  // in numbers
  int64_t rows;
  int64_t places;  // of each row
};

class Parts {
 public:
  explicit Parts(const at::Tensor& input)
      : channels(input.size(1)),
        places(channels < kChannelsAtLeast ? kVector / std::gcd(channels, kVector) : 1),
        width(channels * places),
        count_all(input.numel() / channels),
        rows_(count_all / places),
        each_(std::clamp(kPartNumbers / width, kLeastPartRows, kMostPartRows)),
        whole_((rows_ + each_ - 1) / each_) {}

  int64_t count() const { return whole_ + (left() > 0 ? 1 : 0); }

  Part operator[](int64_t part) const {
    if (part == whole_) return {rows_ * width, left(), 1};
    return {part * each_ * width, std::min(each_, rows_ - part * each_), places};
  }

  template <class Body>
  void for_each(const Body& body) const {
    const int64_t grain = std::max<int64_t>(1, kThreadNumbers / (each_ * width));
    at::parallel_for(0, count(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) body(part);
    });
  }

  // The last parts first, as they may still be in the caches.
  template <class Body>
  void for_each_backwards(const Body& body) const {
    for_each([&](int64_t part) { body(count() - 1 - part); });
  }

  const int64_t channels, places, width, count_all;

 private:
  int64_t left() const { return count_all - rows_ * places; }

  const int64_t rows_, each_, whole_;
};

template <class S>
struct ScalarOf {
  using type = S;
};
template <>
struct ScalarOf<Brain16> {
  using type = at::BFloat16;
};

template <class S>
const S* data_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  return reinterpret_cast<const S*>(tensor.const_data_ptr<typename ScalarOf<S>::type>());
}

template <class S>
S* mutable_data_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  return reinterpret_cast<S*>(tensor.mutable_data_ptr<typename ScalarOf<S>::type>());
}

template <class S>
S* advance(S* data, int64_t count) {
  return data ? data + count : nullptr;
}

// Two sums of each part, by the numbers of a row.
template <class T>
struct PartSums {
  explicit PartSums(const Parts& given)
      : parts(given), sums(at::empty({given.count(), 2, given.width}, c10::CppTypeToScalarType<T>::value)) {}

  T* first(int64_t part) const { return sums.mutable_data_ptr<T>() + 2 * part * parts.width; }
  T* second(int64_t part) const { return first(part) + parts.width; }

  // Calls `body` with both sums by channel, and of how many values they are.
  template <class Body>
  void for_each(const Body& body) const {
    for (int64_t i = 0; i < parts.count(); ++i) {
      const auto part = parts[i];
      for (int64_t place = 0; place < part.places; ++place) {
        const int64_t start = place * parts.channels;
        body(first(i) + start, second(i) + start, static_cast<double>(part.rows));
      }
    }
  }

  const Parts& parts;
  at::Tensor sums;
};

// By channel.
using Values = std::vector<double>;

struct Moments {
  Values mean, squares;
};

// Chan, Golub and LeVeque 1979.
template <class T>
Moments put_together(const PartSums<T>& found) {
  const auto channels = static_cast<size_t>(found.parts.channels);
  Moments whole{Values(channels), Values(channels)};
  double before = 0;
  found.for_each([&](const T* mean, const T* squares, double count) {
    const double share = count / (before + count);
    for (size_t c = 0; c < channels; ++c) {
      const double off = mean[c] - whole.mean[c];
      whole.mean[c] += off * share;
      whole.squares[c] += squares[c] + off * off * before * share;
    }
    before += count;
  });
  return whole;
}

template <class T>
std::pair<Values, Values> add_up(const PartSums<T>& found) {
  const auto channels = static_cast<size_t>(found.parts.channels);
  std::pair whole{Values(channels), Values(channels)};
  found.for_each([&](const T* first, const T* second, double) {
    for (size_t c = 0; c < channels; ++c) {
      whole.first[c] += first[c];
      whole.second[c] += second[c];
    }
  });
  return whole;
}

template <class T>
void move_running(const at::Tensor& running, const Values& values, double factor, double momentum) {
  T* moved = running.mutable_data_ptr<T>();
  for (size_t c = 0; c < values.size(); ++c) {
    moved[c] = static_cast<T>((1 - momentum) * moved[c] + momentum * (values[c] * factor));
  }
}

template <class T>
at::Tensor make_factors(const Moments& moments, int64_t rows, const BatchNormParameters& parameters) {
  const auto channels = static_cast<int64_t>(moments.mean.size());
  at::Tensor factors = at::empty({4, channels}, c10::CppTypeToScalarType<T>::value);
  T *mean = factors.mutable_data_ptr<T>(), *inverse = mean + channels, *scale = inverse + channels,
    *shift = scale + channels;
  const T *weight = parameters.weight.const_data_ptr<T>(), *bias = parameters.bias.const_data_ptr<T>();
  for (int64_t c = 0; c < channels; ++c) {
    const double variance = moments.squares[c] / static_cast<double>(rows);
    const double deviation = 1 / std::sqrt(variance + parameters.eps);
    mean[c] = static_cast<T>(moments.mean[c]);
    inverse[c] = static_cast<T>(deviation);
    scale[c] = static_cast<T>(deviation * weight[c]);
    shift[c] = static_cast<T>(bias[c] - moments.mean[c] * deviation * weight[c]);
  }
  return factors;
}

// Rows of values by channel as rows of the kernels'.
at::Tensor widened(const at::Tensor& values, const Parts& parts) {
  return parts.places == 1 ? values : values.repeat({1, parts.places});
}

template <class T>
BatchNormFactors<T> factors_of(const at::Tensor& wide) {
  const int64_t width = wide.size(1);
  const T* mean = wide.const_data_ptr<T>();
  return {mean, mean + 2 * width, mean + 3 * width};
}

template <class S>
std::tuple<at::Tensor, at::Tensor> forward(const at::Tensor& input, const BatchNormParameters& parameters,
                                           const BatchNormOutput& given) {
  using T = Computed<S>;
  const auto& kernel = batch_norm_kernel<S>();
  const Parts parts(input);
  auto output = at::empty_like(input);
  const BatchNormRows<S> all{0,
                             0,
                             data_of<S>(input),
                             data_of<S>(given.other),
                             mutable_data_of<S>(output),
                             static_cast<T>(given.low),
                             static_cast<T>(given.high)};
  const auto rows_of = [&](int64_t part) {
    const auto [start, count, places] = parts[part];
    auto rows = all;
    rows.count = count;
    rows.channels = places * parts.channels;
    rows.input += start;
    rows.other = advance(rows.other, start);
    rows.output += start;
    return rows;
  };
  const PartSums<T> found(parts);
  parts.for_each(
      [&](int64_t part) { kernel.statistics(rows_of(part), found.first(part), found.second(part)); });
  const auto moments = put_together(found);
  const auto count = static_cast<double>(parts.count_all);
  move_running<T>(parameters.running_mean, moments.mean, 1, parameters.momentum);
  move_running<T>(parameters.running_var, moments.squares, 1 / (count - 1), parameters.momentum);
  auto made = make_factors<T>(moments, parts.count_all, parameters);
  const auto wide = widened(made, parts);
  const auto factors = factors_of<T>(wide);
  parts.for_each_backwards(
      [&](int64_t part) { kernel.normalize(rows_of(part), factors.scale, factors.shift); });
  return {std::move(output), std::move(made)};
}

template <class S>
BatchNormGradients backward(const at::Tensor& gradient, const at::Tensor& input, const at::Tensor& made,
                            const at::Tensor& output, double low, double high, bool needs_input) {
  using T = Computed<S>;
  const auto& kernel = batch_norm_kernel<S>();
  const Parts parts(input);
  const int64_t channels = parts.channels;
  BatchNormGradients result;
  if (needs_input) result.input = at::empty_like(input);
  if (output.defined()) result.unclamped = at::empty_like(input);
  const BatchNormBackwardRows<S> all{0,
                                     0,
                                     data_of<S>(input),
                                     data_of<S>(output),
                                     data_of<S>(gradient),
                                     mutable_data_of<S>(result.unclamped),
                                     mutable_data_of<S>(result.input),
                                     static_cast<T>(low),
                                     static_cast<T>(high)};
  const auto rows_of = [&](int64_t part) {
    const auto [start, count, places] = parts[part];
    auto rows = all;
    rows.count = count;
    rows.channels = places * channels;
    rows.input += start;
    rows.output = advance(rows.output, start);
    rows.gradient += start;
    rows.unclamped = advance(rows.unclamped, start);
    rows.result = advance(rows.result, start);
    return rows;
  };
  const auto wide = widened(made, parts);
  const auto factors = factors_of<T>(wide);
  const PartSums<T> found(parts);
  parts.for_each(
      [&](int64_t part) { kernel.sums(rows_of(part), factors, found.first(part), found.second(part)); });
  const auto [sums, products] = add_up(found);
  result.weight = at::empty({channels}, made.options());
  result.bias = at::empty({channels}, made.options());
  const at::Tensor terms = at::empty({2, channels}, made.options());
  T *of_weight = result.weight.mutable_data_ptr<T>(), *of_bias = result.bias.mutable_data_ptr<T>();
  T *slope = terms.mutable_data_ptr<T>(), *offset = slope + channels;
  const T *inverse = made.const_data_ptr<T>() + channels, *scale = inverse + channels;
  const auto count = static_cast<double>(parts.count_all);
  for (int64_t c = 0; c < channels; ++c) {
    const double normal = products[c] * inverse[c];
    of_weight[c] = static_cast<T>(normal);
    of_bias[c] = static_cast<T>(sums[c]);
    slope[c] = static_cast<T>(-scale[c] * inverse[c] * normal / count);
    offset[c] = static_cast<T>(-scale[c] * sums[c] / count);
  }
  if (!needs_input) return result;
  const auto wide_terms = widened(terms, parts);
  const T *wide_slope = wide_terms.const_data_ptr<T>(), *wide_offset = wide_slope + parts.width;
  parts.for_each_backwards(
      [&](int64_t part) { kernel.differentiate(rows_of(part), factors, wide_slope, wide_offset); });
  return result;
}

// Calls `run` with a value of the type that numbers of the tensor have in the kernels.
template <class Run>
auto with_type(const at::Tensor& input, const Run& run) {
  switch (input.scalar_type()) {
    case at::kDouble:
      return run(double{});
    case at::kFloat:
      return run(float{});
    default:
      return run(Brain16{});
  }
}

bool is_vector(const at::Tensor& values, const at::Tensor& input, at::ScalarType type) {
  return values.defined() && values.is_cpu() && values.scalar_type() == type && values.is_contiguous() &&
         values.dim() == 1 && values.size(0) == input.size(1);
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> batch_norm_forward(const at::Tensor& input,
                                                      const BatchNormParameters& parameters,
                                                      const BatchNormOutput& output) {
  TORCH_CHECK_VALUE(suits_batch_norm(input, parameters, output),
                    "mcloss::batch_norm takes images in channels_last on the CPU: float32 and bfloat16 with "
                    "float32 parameters of their channels, or all in float64; got ",
                    input.toString(), " ", input.sizes());
  TORCH_CHECK_VALUE(input.numel() > input.size(1),
                    "mcloss::batch_norm needs more than one value per channel, got ", input.sizes());
  return with_type(input, [&](auto type) { return forward<decltype(type)>(input, parameters, output); });
}

BatchNormGradients batch_norm_backward(const at::Tensor& gradient, const at::Tensor& input,
                                       const at::Tensor& factors, const at::Tensor& output, double low,
                                       double high, bool needs_input) {
  const auto given = gradient.to(input.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
  auto result = with_type(input, [&](auto type) {
    return backward<decltype(type)>(given, input, factors, output, low, high, needs_input);
  });
  if (!output.defined()) result.unclamped = given;
  return result;
}

}  // namespace mcloss::cpu

namespace mcloss {

bool suits_batch_norm(const at::Tensor& input, const BatchNormParameters& parameters,
                      const BatchNormOutput& output) {
  const auto type = input.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16 && type != at::kDouble) return false;
  if (!input.is_cpu() || input.layout() != at::kStrided || input.dim() != 4 || input.numel() == 0 ||
      !input.is_contiguous(at::MemoryFormat::ChannelsLast)) {
    return false;
  }
  const auto& other = output.other;
  if (other.defined() && !(other.is_cpu() && other.scalar_type() == type && other.sizes() == input.sizes() &&
                           other.is_contiguous(at::MemoryFormat::ChannelsLast))) {
    return false;
  }
  const auto computed = type == at::kDouble ? at::kDouble : at::kFloat;
  for (const auto* values :
       {&parameters.weight, &parameters.bias, &parameters.running_mean, &parameters.running_var}) {
    if (!cpu::is_vector(*values, input, computed)) return false;
  }
  return true;
}

}  // namespace mcloss
