#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "../winograd.h"
#include "aligned_buffer.h"
#include "winograd_kernel.h"

namespace mcloss {

using cpu::AlignedBuffer;
using cpu::kWinogradPlaces;
using cpu::WinogradKernel;
using cpu::WinogradProblem;
using cpu::WinogradTiles;

namespace cpu {

const WinogradKernel* winograd_kernel() {
#if defined(__x86_64__)
  static const auto kernel = []() -> std::optional<WinogradKernel> {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return std::nullopt;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
      return avx512::make_winograd_kernel();
    }
    return avx2::make_winograd_kernel();
  }();
  return kernel ? &*kernel : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace cpu

namespace {

// Fewer are mostly transformed rather than multiplied.
constexpr int64_t kChannelsAtLeast = 32;
// Tiles that are worked on at once: few enough for a processor's own caches, where the weights are small
// enough to be read again and again; and at least so many that reading the weights costs little.
constexpr int64_t kChunkFloats = 160 * 1024;
constexpr int64_t kTilesAtLeast = 96;

// [O, C, 3, 3] as [16, O, C], in float64.
at::Tensor transform_weights(const at::Tensor& weight) {
  const auto g = at::tensor({1., 0., 0., .5, .5, .5, .5, -.5, .5, 0., 0., 1.}, at::kDouble).view({4, 3});
  const auto both = at::matmul(at::matmul(g, weight.to(at::kDouble)), g.t());
  return both.permute({2, 3, 0, 1}).reshape({kWinogradPlaces, weight.size(0), weight.size(1)});
}

// [16, outputs up to a multiple of the kernel's width, C], in which each block of columns is [C, columns].
at::Tensor pack_weights(const at::Tensor& transformed, const WinogradKernel& kernel) {
  const int64_t outputs = transformed.size(1), channels = transformed.size(2);
  const int64_t padded = kernel.padded(outputs);
  const auto whole = at::zeros({kWinogradPlaces, padded, channels}, at::kFloat);
  whole.narrow(1, 0, outputs).copy_(transformed);
  const auto packed = at::empty({kWinogradPlaces, padded * channels}, at::kFloat);
  for (int64_t first = 0; first < padded; first += kernel.columns) {
    const int64_t columns = std::min(kernel.columns, padded - first);
    const auto block = whole.narrow(1, first, columns).transpose(1, 2);
    packed.narrow(1, first * channels, columns * channels)
        .view({kWinogradPlaces, channels, columns})
        .copy_(block);
  }
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

}  // namespace

bool WinogradConvolution::is_for(const at::Tensor& weight) {
  return cpu::winograd_kernel() && weight.is_cpu() && weight.scalar_type() == at::kFloat &&
         weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3 &&
         weight.size(0) >= kChannelsAtLeast && weight.size(1) >= kChannelsAtLeast;
}

WinogradConvolution::WinogradConvolution(const at::Tensor& weight, const at::Tensor& bias, int64_t pad_y,
                                         int64_t pad_x)
    : channels_(weight.size(1)), outputs_(weight.size(0)), pad_y_(pad_y), pad_x_(pad_x) {
  const auto& kernel = *cpu::winograd_kernel();
  weights_ = pack_weights(transform_weights(weight), kernel);
  bias_ = at::zeros({kernel.padded(outputs_)}, at::kFloat);
  if (bias.defined()) bias_.narrow(0, 0, outputs_).copy_(bias);
}

at::Tensor WinogradConvolution::run(const at::Tensor& input, const at::Tensor& other, bool in_place,
                                    float low, float high) const {
  const auto& kernel = *cpu::winograd_kernel();
  const int64_t height = input.size(2), width = input.size(3);
  const int64_t output_height = height + 2 * pad_y_ - 2, output_width = width + 2 * pad_x_ - 2;
  const auto output = in_place ? other
                               : at::empty({input.size(0), outputs_, output_height, output_width},
                                           input.options(), at::MemoryFormat::ChannelsLast);
  const WinogradProblem problem{
      .height = height,
      .width = width,
      .channels = channels_,
      .output_height = output_height,
      .output_width = output_width,
      .outputs = outputs_,
      .pad_y = pad_y_,
      .pad_x = pad_x_,
      .tiles_y = (output_height + 1) / 2,
      .tiles_x = (output_width + 1) / 2,
      .input = input.const_data_ptr<float>(),
      .weights = weights_.const_data_ptr<float>(),
      .bias = bias_.const_data_ptr<float>(),
      .other = other.defined() ? other.const_data_ptr<float>() : nullptr,
      .output = output.mutable_data_ptr<float>(),
      .low = low,
      .high = high,
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
    return output;
  }
  // Few and large: all threads work on each.
  const AlignedBuffer<float> memory(room);
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
    const auto tiles = tiles_of(chunk, memory.data());
    at::parallel_for(0, tiles.count, 1,
                     [&](int64_t begin, int64_t end) { kernel.transform_input(problem, tiles, begin, end); });
    at::parallel_for(0, kWinogradPlaces * blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) kernel.multiply(problem, tiles, i / blocks, i % blocks);
    });
    at::parallel_for(0, tiles.count, 1, [&](int64_t begin, int64_t end) {
      kernel.transform_output(problem, tiles, begin, end);
    });
  }
  return output;
}

}  // namespace mcloss
