#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>

#include "../convolution.h"
#include "aligned_buffer.h"
#include "convolution_kernel.h"

// Of the OpenMP runtime that LibTorch brings.
extern "C" void omp_set_num_threads(int);

namespace mcloss {
namespace cpu {

namespace {

// With fewer, Winograd's tiles are mostly transformed rather than multiplied.
constexpr int64_t kWinogradChannelsAtLeast = 32;
// Numbers that are worked on at once: few enough for a processor's own caches, where the weights are small
// enough to be read again and again; and at least so many tiles that reading the weights costs little.
constexpr int64_t kChunkFloats = 160 * 1024;
constexpr int64_t kTilesAtLeast = 96;
constexpr int64_t kRowFloats = 64 * 1024;
constexpr int64_t kRowsAtLeast = 48;
constexpr int64_t kMostBandRows = 16;
constexpr int64_t kBandFloats = 128 * 1024;
constexpr int64_t kProductRows = 12;  // a multiple of what the kernels make at once
// What makes a thread worth its start, in multiplications.
constexpr int64_t kWorkAtLeast = 1 << 20;

at::Tensor padded_bias(const at::Tensor& bias, int64_t outputs, const ConvolutionKernel& kernel) {
  auto padded = at::zeros({kernel.padded(outputs)}, at::kFloat);
  if (bias.defined()) padded.narrow(0, 0, outputs).copy_(bias);
  return padded;
}

const float* other_of(const ConvolutionOutput& output) {
  return output.other.defined() ? output.other.const_data_ptr<float>() : nullptr;
}

// Kernels [O, C, H, W], each a row of D = H·W·C numbers as they lie in images of channels_last: [blocks of
// columns, D, columns], the last block up to a multiple of the kernel's width.
at::Tensor pack_rows(const at::Tensor& weight) {
  const auto& kernel = *convolution_kernel();
  const int64_t outputs = weight.size(0), depth = weight[0].numel(), padded = kernel.padded(outputs);
  auto packed = at::zeros({padded * depth}, at::kFloat);
  for (int64_t first = 0; first < padded; first += kernel.columns) {
    const int64_t columns = std::min(kernel.columns, padded - first);
    const int64_t count = std::min(columns, outputs - first);
    const auto rows = weight.narrow(0, first, count).permute({0, 2, 3, 1}).reshape({count, depth});
    packed.narrow(0, first * depth, columns * depth)
        .view({depth, columns})
        .narrow(1, 0, count)
        .copy_(rows.t());
  }
  return packed;
}

// G·g, of a row or column g of three: what Winograd's F(2×2, 3×3) multiplies by.
std::array<double, 4> transform_three(double a, double b, double c) {
  return {a, (a + b + c) / 2, (a - b + c) / 2, c};
}

// G·g·Gᵀ of a kernel g [3, 3], in float64 until it is written: the numbers lie `stride` apart.
void transform_kernel(const float* g, float* to, int64_t stride) {
  std::array<std::array<double, 4>, 3> columns;  // of G·g
  for (size_t i = 0; i < 3; ++i) columns[i] = transform_three(g[i], g[i + 3], g[i + 6]);
  for (size_t y = 0; y < 4; ++y) {
    for (const double number : transform_three(columns[0][y], columns[1][y], columns[2][y])) {
      *to = static_cast<float>(number);
      to += stride;
    }
  }
}

// Kernels [O, C, 3, 3] as [16, blocks of columns, C, columns], the last block as pack_rows() has it.
at::Tensor pack_transformed(const at::Tensor& given) {
  const auto weight = given.contiguous();
  const auto& kernel = *convolution_kernel();
  const int64_t outputs = weight.size(0), channels = weight.size(1), padded = kernel.padded(outputs);
  auto packed = at::zeros({kWinogradPlaces, padded * channels}, at::kFloat);
  const auto* from = weight.const_data_ptr<float>();
  auto* to = packed.mutable_data_ptr<float>();
  at::parallel_for(0, kernel.blocks(outputs), 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kernel.columns;
      const int64_t columns = std::min(kernel.columns, padded - first);
      const int64_t count = std::min(columns, outputs - first);
      for (int64_t channel = 0; channel < channels; ++channel) {
        float* place = to + first * channels + channel * columns;
        for (int64_t column = 0; column < count; ++column) {
          transform_kernel(from + ((first + column) * channels + channel) * 9, place + column,
                           padded * channels);
        }
      }
    }
  });
  return packed;
}

struct Chunks {
  int64_t tiles, each, count;
};

Chunks make_chunks(int64_t tiles, int64_t floats_a_tile) {
  const int64_t most = std::max(kTilesAtLeast, kChunkFloats / floats_a_tile);
  const int64_t count = (tiles + most - 1) / most;
  const int64_t each = (tiles + count - 1) / count;
  return {tiles, each, (tiles + each - 1) / each};
}

class Winograd final : public PackedFloatConvolution {
 public:
  Winograd(const at::Tensor& weight, const at::Tensor& bias, const std::vector<int64_t>& padding)
      : weights_(pack_transformed(weight)),
        bias_(padded_bias(bias, weight.size(0), *convolution_kernel())),
        channels_(weight.size(1)),
        outputs_(weight.size(0)),
        padding_(padding) {}

 private:
  std::vector<int64_t> output_size(const at::Tensor& input) const override {
    return {input.size(0), outputs_, input.size(2) + 2 * padding_[0] - 2,
            input.size(3) + 2 * padding_[1] - 2};
  }

  void write(const at::Tensor& input, const ConvolutionOutput& output, float* to) const override {
    const auto& kernel = *convolution_kernel();
    const auto size = output_size(input);
    const WinogradProblem problem{
        .height = input.size(2),
        .width = input.size(3),
        .channels = channels_,
        .output_height = size[2],
        .output_width = size[3],
        .outputs = outputs_,
        .pad_y = padding_[0],
        .pad_x = padding_[1],
        .tiles_y = (size[2] + 1) / 2,
        .tiles_x = (size[3] + 1) / 2,
        .input = input.const_data_ptr<float>(),
        .weights = weights_.const_data_ptr<float>(),
        .bias = bias_.const_data_ptr<float>(),
        .other = other_of(output),
        .output = to,
        .low = output.low,
        .high = output.high,
    };
    const int64_t blocks = kernel.blocks(outputs_);
    const int64_t floats_a_tile = kWinogradPlaces * (kernel.padded(channels_) + kernel.padded(outputs_));
    const auto chunks = make_chunks(input.size(0) * problem.tiles_y * problem.tiles_x, floats_a_tile);
    const auto tiles_of = [&](int64_t chunk, float* memory) {
      const int64_t first = chunk * chunks.each;
      const int64_t count = std::min(chunks.each, chunks.tiles - first);
      return WinogradTiles{first, count, memory, memory + kWinogradPlaces * count * kernel.padded(channels_)};
    };
    const auto room = static_cast<size_t>(floats_a_tile * chunks.each);
    if (chunks.count >= at::get_num_threads()) {
      at::parallel_for(0, chunks.count, 1, [&](int64_t begin, int64_t end) {
        const AlignedBuffer<float> memory(room);
        for (int64_t chunk = begin; chunk < end; ++chunk) {
          const auto tiles = tiles_of(chunk, memory.data());
          kernel.transform_input(problem, tiles, 0, tiles.count);
          for (int64_t place = 0; place < kWinogradPlaces; ++place) {
            for (int64_t block = 0; block < blocks; ++block) kernel.multiply(problem, tiles, place, block);
          }
          kernel.transform_output(problem, tiles, 0, tiles.count);
        }
      });
      return;
    }
    // Few and large: all threads work on each.
    const AlignedBuffer<float> memory(room);
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
      const auto tiles = tiles_of(chunk, memory.data());
      at::parallel_for(0, tiles.count, 1, [&](int64_t begin, int64_t end) {
        kernel.transform_input(problem, tiles, begin, end);
      });
      at::parallel_for(0, kWinogradPlaces * blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) kernel.multiply(problem, tiles, i / blocks, i % blocks);
      });
      at::parallel_for(0, tiles.count, 1, [&](int64_t begin, int64_t end) {
        kernel.transform_output(problem, tiles, begin, end);
      });
    }
  }

  at::Tensor weights_, bias_;
  int64_t channels_, outputs_;
  std::vector<int64_t> padding_;
};

// Of an image's axis of `size` numbers.
int64_t output_extent(int64_t size, size_t axis, int64_t kernel, const PackedConvolutionOptions& options) {
  return (size + 2 * options.padding[axis] - kernel) / options.stride[axis] + 1;
}

// As many rows to each part that what is read and written stays in a processor's own caches, and no part with
// much fewer than another.
int64_t rows_a_part(int64_t rows, int64_t floats_a_row, int64_t threads) {
  const int64_t most = std::max(kRowsAtLeast, kRowFloats / floats_a_row);
  const int64_t count = (rows + most - 1) / most;
  const int64_t shared = (count + threads - 1) / threads * threads;
  const int64_t each = (rows + shared - 1) / shared;
  return each < kRowsAtLeast ? each : (each + kProductRows - 1) / kProductRows * kProductRows;
}

int64_t worthwhile_threads(int64_t multiplications) {
  return std::min<int64_t>(at::get_num_threads(), 1 + multiplications / kWorkAtLeast);
}

class Pointwise final : public PackedFloatConvolution {
 public:
  Pointwise(const at::Tensor& weight, const at::Tensor& bias)
      : weights_(pack_rows(weight)),
        bias_(padded_bias(bias, weight.size(0), *convolution_kernel())),
        channels_(weight.size(1)),
        outputs_(weight.size(0)) {}

  int64_t channels() const { return channels_; }
  int64_t outputs() const { return outputs_; }

  ProductProblem problem(float low, float high) const {
    return {
        .outputs = outputs_,
        .stretches = 1,
        .length = channels_,
        .stretch_stride = 0,
        .input_stride = channels_,
        .weights = weights_.const_data_ptr<float>(),
        .bias = bias_.const_data_ptr<float>(),
        .low = low,
        .high = high,
    };
  }

  // Rows of channels that lie side by side, by this thread.
  void write_rows(const ProductProblem& problem, const ProductRows& rows) const {
    const auto& kernel = *convolution_kernel();
    const int64_t each = rows_a_part(rows.count, channels_ + outputs_, 1);
    for (int64_t row = 0; row < rows.count; row += each) {
      const ProductRows part{std::min(each, rows.count - row), rows.input + row * channels_,
                             rows.other ? rows.other + row * outputs_ : nullptr,
                             rows.output + row * outputs_};
      for (int64_t block = 0; block < kernel.blocks(outputs_); ++block) kernel.product(problem, part, block);
    }
  }

  void write(const at::Tensor& input, const ConvolutionOutput& output, float* to) const override {
    const auto& kernel = *convolution_kernel();
    const auto product = problem(output.low, output.high);
    const float* from = input.const_data_ptr<float>();
    const float* other = other_of(output);
    const int64_t rows = input.size(0) * input.size(2) * input.size(3);
    const int64_t blocks = kernel.blocks(outputs_);
    const int64_t threads = worthwhile_threads(rows * channels_ * outputs_);
    const auto part_of = [&](int64_t first, int64_t last) {
      return ProductRows{last - first, from + first * channels_, other ? other + first * outputs_ : nullptr,
                         to + first * outputs_};
    };
    // Where there are more weights than inputs, each thread reads its part of the weights only.
    if (threads > 1 && blocks >= threads && outputs_ > rows) {
      at::parallel_for(0, blocks, (blocks + threads - 1) / threads, [&](int64_t begin, int64_t end) {
        const int64_t each = rows_a_part(rows, channels_, 1);
        for (int64_t row = 0; row < rows; row += each) {
          const auto part = part_of(row, std::min(rows, row + each));
          for (int64_t block = begin; block < end; ++block) kernel.product(product, part, block);
        }
      });
      return;
    }
    at::parallel_for(0, rows, (rows + threads - 1) / threads,
                     [&](int64_t begin, int64_t end) { write_rows(product, part_of(begin, end)); });
  }

 private:
  std::vector<int64_t> output_size(const at::Tensor& input) const override {
    return {input.size(0), outputs_, input.size(2), input.size(3)};
  }

  at::Tensor weights_, bias_;
  int64_t channels_, outputs_;
};

// Each output sums over the rows of the kernel, whose numbers lie side by side in the images.
class Direct final : public PackedFloatConvolution {
 public:
  Direct(const at::Tensor& weight, const at::Tensor& bias, PackedConvolutionOptions options)
      : weights_(pack_rows(weight)),
        bias_(padded_bias(bias, weight.size(0), *convolution_kernel())),
        channels_(weight.size(1)),
        outputs_(weight.size(0)),
        kernel_{weight.size(2), weight.size(3)},
        options_(std::move(options)) {}

 private:
  std::vector<int64_t> output_size(const at::Tensor& input) const override {
    return {input.size(0), outputs_, output_extent(input.size(2), 0, kernel_[0], options_),
            output_extent(input.size(3), 1, kernel_[1], options_)};
  }

  // Rows of one image's padded input from `first` on, which may lie outside it.
  void pad(const at::Tensor& input, int64_t sample, int64_t first, int64_t count, float* to) const {
    const int64_t height = input.size(2), length = input.size(3) * channels_;
    const int64_t margin = options_.padding[1] * channels_;
    const float* image = input.const_data_ptr<float>() + sample * height * length;
    for (int64_t row = 0; row < count; ++row) {
      const int64_t y = first + row - options_.padding[0];
      if (y < 0 || y >= height) {
        to = std::fill_n(to, length + 2 * margin, 0.0F);
        continue;
      }
      to = std::fill_n(to, margin, 0.0F);
      to = std::copy_n(image + y * length, length, to);
      to = std::fill_n(to, margin, 0.0F);
    }
  }

  void write(const at::Tensor& input, const ConvolutionOutput& output, float* to) const override {
    const auto& kernel = *convolution_kernel();
    const auto size = output_size(input);
    const int64_t height = size[2], width = size[3];
    const int64_t row_floats = (input.size(3) + 2 * options_.padding[1]) * channels_;
    const ProductProblem problem{
        .outputs = outputs_,
        .stretches = kernel_[0],
        .length = kernel_[1] * channels_,
        .stretch_stride = row_floats,
        .input_stride = options_.stride[1] * channels_,
        .weights = weights_.const_data_ptr<float>(),
        .bias = bias_.const_data_ptr<float>(),
        .low = output.low,
        .high = output.high,
    };
    const bool pads = options_.padding[0] > 0 || options_.padding[1] > 0;
    const int64_t work = size[0] * height * width * outputs_ * kernel_[0] * problem.length;
    const int64_t threads = worthwhile_threads(work);
    const int64_t each = std::max<int64_t>(
        1, rows_a_part(height * width, options_.stride[0] * options_.stride[1] * channels_ + outputs_, 1) /
               width);
    const int64_t parts = (height + each - 1) / each;
    const int64_t input_rows = (each - 1) * options_.stride[0] + kernel_[0];
    at::parallel_for(
        0, size[0] * parts, (size[0] * parts + threads - 1) / threads, [&](int64_t begin, int64_t end) {
          const AlignedBuffer<float> padded(pads ? static_cast<size_t>(input_rows * row_floats) : 0);
          for (int64_t part = begin; part < end; ++part) {
            const int64_t sample = part / parts, first = part % parts * each;
            const int64_t count = std::min(each, height - first);
            const int64_t top = first * options_.stride[0];
            const float* from = input.const_data_ptr<float>() + (sample * input.size(2) + top) * row_floats;
            if (pads) {
              pad(input, sample, top, (count - 1) * options_.stride[0] + kernel_[0], padded.data());
              from = padded.data();
            }
            for (int64_t block = 0; block < kernel.blocks(outputs_); ++block) {
              for (int64_t row = 0; row < count; ++row) {
                const int64_t offset = (sample * height + first + row) * width * outputs_;
                const ProductRows rows{width, from + row * options_.stride[0] * row_floats,
                                       output.other.defined() ? other_of(output) + offset : nullptr,
                                       to + offset};
                kernel.product(problem, rows, block);
              }
            }
          }
        });
  }

  at::Tensor weights_, bias_;
  int64_t channels_, outputs_;
  std::vector<int64_t> kernel_;
  PackedConvolutionOptions options_;
};

class Depthwise final : public PackedFloatConvolution {
 public:
  Depthwise(const at::Tensor& weight, const at::Tensor& bias, PackedConvolutionOptions options)
      : bias_(padded_bias(bias, weight.size(0), *convolution_kernel())),
        channels_(weight.size(0)),
        kernel_{weight.size(2), weight.size(3)},
        options_(std::move(options)) {
    weights_ = at::zeros({kernel_[0], kernel_[1], convolution_kernel()->padded(channels_)}, at::kFloat);
    weights_.narrow(2, 0, channels_).copy_(weight.squeeze(1).permute({1, 2, 0}));
  }

  int64_t channels() const { return channels_; }

  // Of images of this size; where they and the outputs lie is left open.
  DepthwiseProblem problem(int64_t height, int64_t width, float low, float high) const {
    return {
        .height = height,
        .width = width,
        .channels = channels_,
        .output_height = output_extent(height, 0, kernel_[0], options_),
        .output_width = output_extent(width, 1, kernel_[1], options_),
        .kernel_height = kernel_[0],
        .kernel_width = kernel_[1],
        .stride_y = options_.stride[0],
        .stride_x = options_.stride[1],
        .pad_y = options_.padding[0],
        .pad_x = options_.padding[1],
        .row_mask = -1,
        .input = nullptr,
        .weights = weights_.const_data_ptr<float>(),
        .bias = bias_.const_data_ptr<float>(),
        .other = nullptr,
        .output = nullptr,
        .low = low,
        .high = high,
    };
  }

 private:
  std::vector<int64_t> output_size(const at::Tensor& input) const override {
    return {input.size(0), channels_, output_extent(input.size(2), 0, kernel_[0], options_),
            output_extent(input.size(3), 1, kernel_[1], options_)};
  }

  void write(const at::Tensor& input, const ConvolutionOutput& output, float* to) const override {
    auto problem = this->problem(input.size(2), input.size(3), output.low, output.high);
    problem.input = input.const_data_ptr<float>();
    problem.other = other_of(output);
    problem.output = to;
    const int64_t row_work = problem.output_width * channels_ * kernel_[0] * kernel_[1];
    at::parallel_for(
        0, input.size(0) * problem.output_height, 1 + kWorkAtLeast / 4 / std::max<int64_t>(row_work, 1),
        [&](int64_t begin, int64_t end) { convolution_kernel()->depthwise(problem, begin, end); });
  }

  at::Tensor weights_, bias_;
  int64_t channels_;
  std::vector<int64_t> kernel_;
  PackedConvolutionOptions options_;
};

struct Bounds {
  float low, high;
};

// A convolution of each channel by itself between 1×1 ones, of which the first may be missing: MobileNetV2's
// block. What lies between is made a few rows at a time, and used while they are in a processor's own caches.
class Separable final : public PackedFloatConvolution {
 public:
  Separable(std::unique_ptr<Pointwise> first, Bounds after_first, std::unique_ptr<Depthwise> middle,
            Bounds after_middle, std::unique_ptr<Pointwise> last)
      : first_(std::move(first)),
        middle_(std::move(middle)),
        last_(std::move(last)),
        after_first_(after_first),
        after_middle_(after_middle) {}

 private:
  // Rows of outputs that are made together, and of the middle's inputs that are kept: a power of two.
  struct Band {
    int64_t rows, kept;
  };

  DepthwiseProblem middle_of(const at::Tensor& input) const {
    return middle_->problem(input.size(2), input.size(3), after_middle_.low, after_middle_.high);
  }

  std::vector<int64_t> output_size(const at::Tensor& input) const override {
    const auto middle = middle_of(input);
    return {input.size(0), last_->outputs(), middle.output_height, middle.output_width};
  }

  Band choose_band(const DepthwiseProblem& middle) const {
    for (int64_t rows = kMostBandRows;; --rows) {
      const int64_t seen = (rows - 1) * middle.stride_y + middle.kernel_height;
      const auto kept = first_ ? static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(seen))) : 0;
      const int64_t floats = (kept * middle.width + rows * middle.output_width) * middle.channels;
      if (rows == 1 || floats <= kBandFloats) return {rows, kept};
    }
  }

  void write(const at::Tensor& input, const ConvolutionOutput& output, float* to) const override {
    const auto middle = middle_of(input);
    const int64_t samples = input.size(0), height = middle.output_height;
    const int64_t work = samples * height * middle.output_width * middle.channels * last_->outputs();
    const int64_t parts = (worthwhile_threads(work) + samples - 1) / samples;
    const int64_t each = (height + parts - 1) / parts;
    at::parallel_for(0, samples * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const int64_t first = part % parts * each;
        write_part(middle, input, output, to, part / parts, first, std::min(height, first + each));
      }
    });
  }

  // The rows from `begin` to `end` of one image.
  void write_part(DepthwiseProblem middle, const at::Tensor& input, const ConvolutionOutput& output,
                  float* to, int64_t sample, int64_t begin, int64_t end) const {
    const auto& kernel = *convolution_kernel();
    const int64_t channels = middle.channels, outputs = last_->outputs();
    const int64_t from_row = input.size(1) * middle.width, row = middle.width * channels;
    const int64_t to_row = middle.output_width * channels, last_row = middle.output_width * outputs;
    const auto band = choose_band(middle);
    const AlignedBuffer<float> memory(static_cast<size_t>(band.kept * row + band.rows * to_row));
    float* const made = memory.data() + band.kept * row;
    const float* const image = input.const_data_ptr<float>() + sample * middle.height * from_row;
    const auto first = first_ ? first_->problem(after_first_.low, after_first_.high) : ProductProblem{};
    const auto last = last_->problem(output.low, output.high);
    if (first_) middle.row_mask = band.kept - 1;
    middle.input = first_ ? memory.data() : image;
    int64_t next = std::max<int64_t>(0, begin * middle.stride_y - middle.pad_y);  // of the middle's inputs
    for (int64_t y = begin; y < end; y += band.rows) {
      const int64_t stop = std::min(end, y + band.rows);
      const int64_t seen = (stop - 1) * middle.stride_y - middle.pad_y + middle.kernel_height;
      while (first_ && next < std::min(middle.height, seen)) {
        const int64_t place = next & middle.row_mask;
        const int64_t count = std::min(std::min(middle.height, seen) - next, band.kept - place);
        first_->write_rows(
            first, {count * middle.width, image + next * from_row, nullptr, memory.data() + place * row});
        next += count;
      }
      middle.output = made - y * to_row;
      kernel.depthwise(middle, y, stop);
      const int64_t offset = (sample * middle.output_height + y) * last_row;
      const float* other = other_of(output);
      last_->write_rows(
          last, {(stop - y) * middle.output_width, made, other ? other + offset : nullptr, to + offset});
    }
  }

  std::unique_ptr<Pointwise> first_;
  std::unique_ptr<Depthwise> middle_;
  std::unique_ptr<Pointwise> last_;
  Bounds after_first_, after_middle_;
};

// Takes what is in `from` where it is a T.
template <class T>
std::unique_ptr<T> take_as(std::unique_ptr<PackedFloatConvolution>& from) {
  auto* found = dynamic_cast<T*>(from.get());
  if (found) static_cast<void>(from.release());
  return std::unique_ptr<T>(found);
}

}  // namespace
}  // namespace cpu

at::Tensor PackedFloatConvolution::run(const at::Tensor& input, const ConvolutionOutput& output) const {
  auto result = output.in_place
                    ? output.other
                    : at::empty(output_size(input), input.options(), at::MemoryFormat::ChannelsLast);
  if (result.numel() > 0) write(input, output, result.mutable_data_ptr<float>());
  return result;
}

std::unique_ptr<PackedFloatConvolution> pack_float_convolution(const at::Tensor& weight,
                                                               const at::Tensor& bias,
                                                               const PackedConvolutionOptions& options) {
  using Pair = std::vector<int64_t>;
  if (!cpu::convolution_kernel() || !weight.is_cpu() || weight.scalar_type() != at::kFloat) return nullptr;
  if (options.dilation != Pair{1, 1}) return nullptr;
  const Pair kernel{weight.size(2), weight.size(3)};
  const bool dense = options.groups == 1 && options.stride == Pair{1, 1};
  if (dense && kernel == Pair{1, 1} && options.padding == Pair{0, 0}) {
    return std::make_unique<cpu::Pointwise>(weight, bias);
  }
  const int64_t fewest = std::min(weight.size(0), weight.size(1));
  if (dense && kernel == Pair{3, 3} && fewest >= cpu::kWinogradChannelsAtLeast) {
    return std::make_unique<cpu::Winograd>(weight, bias, options.padding);
  }
  if (options.groups == 1) return std::make_unique<cpu::Direct>(weight, bias, options);
  const bool by_channel = options.groups == weight.size(0) && weight.size(1) == 1;
  if (by_channel && kernel[0] * kernel[1] <= cpu::kMostTaps) {
    return std::make_unique<cpu::Depthwise>(weight, bias, options);
  }
  return nullptr;
}

std::unique_ptr<PackedFloatConvolution> join_float_convolutions(
    std::vector<FloatStage> earlier, std::unique_ptr<PackedFloatConvolution> last) {
  const bool has_first = earlier.size() == 2;
  if (!has_first && earlier.size() != 1) return nullptr;
  auto& middle = earlier.back();
  auto first = has_first ? cpu::take_as<cpu::Pointwise>(earlier[0].convolution) : nullptr;
  auto depthwise = cpu::take_as<cpu::Depthwise>(middle.convolution);
  auto pointwise = cpu::take_as<cpu::Pointwise>(last);
  if ((has_first && !first) || !depthwise || !pointwise) return nullptr;
  return std::make_unique<cpu::Separable>(std::move(first), cpu::Bounds{earlier[0].low, earlier[0].high},
                                          std::move(depthwise), cpu::Bounds{middle.low, middle.high},
                                          std::move(pointwise));
}

void use_threads_here(int count) {
  if (at::get_num_threads() != count) omp_set_num_threads(count);
}

}  // namespace mcloss
