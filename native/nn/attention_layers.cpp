#include "attention_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "initial_weights.h"

namespace mcloss::nn {
namespace {

// Queries, keys and values [B, heads, L, C / heads] of tokens [B, L, C].
std::vector<at::Tensor> project(const at::Tensor& tokens, const at::Tensor& weight, const at::Tensor& bias,
                                int64_t heads) {
  const auto parts = at::linear(tokens, weight, bias)
                         .reshape({tokens.size(0), tokens.size(1), 3, heads, tokens.size(2) / heads})
                         .permute({2, 0, 3, 1, 4});
  return parts.unbind(0);
}

// [B, heads, L, C / heads] as [B, L, C].
at::Tensor join_heads(const at::Tensor& mixed) {
  return mixed.transpose(1, 2).flatten(2);
}

// torch.nn.MultiheadAttention over the places of an image.
class Attention final : public Layer {
 public:
  Attention(const LayerSpec& spec, const std::string& path, Construction& construction)
      : heads_(spec.integer("heads")) {
    const int64_t features = spec.integer("features");
    const auto size = static_cast<double>(features);
    const auto& generator = construction.generator;
    in_weight_ = parameter(construction, path, "in_proj_weight",
                           uniform({3 * features, features}, std::sqrt(6 / (4 * size)), generator));
    in_bias_ = parameter(construction, path, "in_proj_bias", at::zeros({3 * features}));
    out_weight_ = parameter(construction, path, "out_proj.weight",
                            uniform({features, features}, 1 / std::sqrt(size), generator));
    out_bias_ = parameter(construction, path, "out_proj.bias", at::zeros({features}));
  }

 private:
  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    const auto parts = project(input.flatten(2).transpose(1, 2), in_weight_, in_bias_, heads_);
    const auto mixed = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
    const auto tokens = at::linear(join_heads(mixed), out_weight_, out_bias_);
    return tokens.transpose(1, 2).reshape(input.sizes());
  }

  int64_t heads_;
  at::Tensor in_weight_, in_bias_, out_weight_, out_bias_;
};

// Where the bias of each two places of a window is in the table: [side^4].
at::Tensor distance_index(int64_t side) {
  const auto place = at::arange(side * side);
  const auto row = place.div(side, "floor"), column = place.remainder(side);
  const auto down = row.unsqueeze(1) - row + (side - 1);
  const auto across = column.unsqueeze(1) - column + (side - 1);
  return (down * (2 * side - 1) + across).flatten();
}

// torchvision's ShiftedWindowAttention of Swin.
class WindowAttention final : public Layer {
 public:
  WindowAttention(const LayerSpec& spec, const std::string& path, Construction& construction)
      : heads_(spec.integer("heads")),
        side_(spec.integer("windowSize")),
        shifted_(spec.flag("shifted", false)),
        index_(construction.state.add_buffer(join_names(path, "relative_position_index"),
                                             distance_index(spec.integer("windowSize")))) {
    const int64_t features = spec.integer("features");
    const auto named = [&](const char* name, at::IntArrayRef shape) {
      auto values = at::empty(shape, at::kFloat);
      draw_normal(values, kDeviation, construction.generator);
      return parameter(construction, path, name, values);
    };
    const auto zeros = [&](const char* name, int64_t count) {
      return parameter(construction, path, name, at::zeros({count}));
    };
    table_ = named("relative_position_bias_table", {(2 * side_ - 1) * (2 * side_ - 1), heads_});
    qkv_weight_ = named("qkv.weight", {3 * features, features});
    qkv_bias_ = zeros("qkv.bias", 3 * features);
    proj_weight_ = named("proj.weight", {features, features});
    proj_bias_ = zeros("proj.bias", features);
  }

 private:
  static constexpr double kDeviation = 0.02;
  // What places of other parts of the image lose against one another, as in torchvision.
  static constexpr double kApart = -100;

  at::Tensor compute(const at::Tensor& input, ForwardPass&) const override {
    const int64_t height = input.size(2), width = input.size(3);
    const auto beyond = [&](int64_t extent) { return (side_ - extent % side_) % side_; };
    auto pixels =
        at::constant_pad_nd(input.permute({0, 2, 3, 1}), {0, 0, 0, beyond(width), 0, beyond(height)});
    const int64_t rows = pixels.size(1), columns = pixels.size(2);
    // One window has the whole of that side already.
    const auto shift = [&](int64_t extent) { return shifted_ && extent > side_ ? side_ / 2 : 0; };
    const int64_t down = shift(rows), across = shift(columns);
    const bool moved = down + across > 0;
    if (moved) pixels = at::roll(pixels, {-down, -across}, {1, 2});

    const auto parts = project(windows_of(pixels), qkv_weight_, qkv_bias_, heads_);
    const double scale = 1 / std::sqrt(static_cast<double>(parts[0].size(3)));
    auto products = (parts[0] * scale).matmul(parts[1].transpose(2, 3)) + distance_bias();
    if (moved) {
      const auto mask = mask_of(rows, columns, down, across, products.options());
      const auto shape = products.sizes().vec();
      products = (products.unflatten(0, {-1, mask.size(0)}) + mask.unsqueeze(1)).view(shape);
    }
    const auto mixed = at::softmax(products, -1).matmul(parts[2]);
    const auto tokens = at::linear(join_heads(mixed), proj_weight_, proj_bias_);

    auto whole = tokens.view({input.size(0), rows / side_, columns / side_, side_, side_, input.size(1)})
                     .permute({0, 1, 3, 2, 4, 5})
                     .reshape({input.size(0), rows, columns, input.size(1)});
    if (moved) whole = at::roll(whole, {down, across}, {1, 2});
    return whole.slice(1, 0, height).slice(2, 0, width).permute({0, 3, 1, 2});
  }

  // [N, H, W, C] as [N * windows, side * side, C].
  at::Tensor windows_of(const at::Tensor& pixels) const {
    const int64_t down = pixels.size(1) / side_, across = pixels.size(2) / side_;
    return pixels.view({pixels.size(0), down, side_, across, side_, pixels.size(3)})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({-1, side_ * side_, pixels.size(3)});
  }

  // [1, heads, places, places]
  at::Tensor distance_bias() const {
    const int64_t places = side_ * side_;
    return table_.index_select(0, index_.tensor)
        .view({places, places, heads_})
        .permute({2, 0, 1})
        .unsqueeze(0);
  }

  // [windows, places, places]: 0 for places of one part of the image.
  at::Tensor mask_of(int64_t rows, int64_t columns, int64_t down, int64_t across,
                     const at::TensorOptions& options) const {
    // Which part of the image each place is of, after it was moved.
    const auto part = [&](int64_t extent, int64_t shift) {
      auto parts = at::zeros({extent}, options);
      if (shift == 0) return parts;
      parts.slice(0, extent - side_).fill_(1);
      parts.slice(0, extent - shift).fill_(2);
      return parts;
    };
    const auto parts = part(rows, down).unsqueeze(1) * 3 + part(columns, across);
    const auto windows = windows_of(parts.unsqueeze(0).unsqueeze(3)).squeeze(2);
    return (windows.unsqueeze(1) != windows.unsqueeze(2)).to(options.dtype()) * kApart;
  }

  int64_t heads_, side_;
  bool shifted_;
  const NamedTensor& index_;
  at::Tensor table_, qkv_weight_, qkv_bias_, proj_weight_, proj_bias_;
};

}  // namespace

void add_attention_layers(BuilderTable& table) {
  table["attention"] = layer_of<Attention>();
  table["windowAttention"] = layer_of<WindowAttention>();
}

}  // namespace mcloss::nn
