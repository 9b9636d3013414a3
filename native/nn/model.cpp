#include "model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "../memory/block_cache.h"

namespace mcloss::nn {
namespace {

// Whether the images are what autocast would make of them.
bool is_cast_already(const at::Tensor& images) {
  const auto device = images.device().type();
  return at::autocast::is_autocast_enabled(device) &&
         images.scalar_type() == at::autocast::get_autocast_dtype(device);
}

at::Tensor in_dtype_of(const State& state, const at::Tensor& images) {
  const auto dtype = state.dtype();
  return dtype && images.is_floating_point() ? images.to(*dtype) : images;
}

bool is_all_finite(const at::Tensor& images) {
  return std::isfinite(images.sum(at::kFloat).item<double>());
}

// How far a frozen network's answer may be from the network's, of the largest number: more than rounding, and
// less than damage. bfloat16 has three digits.
double tolerance_of(at::ScalarType dtype) {
  return dtype == at::kBFloat16 || dtype == at::kHalf ? 0.2 : 1e-3;
}

bool is_near(const at::Tensor& actual, const at::Tensor& wanted) {
  const auto largest = wanted.abs().max().to(at::kDouble).clamp_min(1);
  const auto off = (actual.to(at::kDouble) - wanted.to(at::kDouble)).abs().max() / largest;
  return off.item<double>() <= tolerance_of(wanted.scalar_type());
}

}  // namespace

Model::Model(const ModelSpec& spec, std::optional<uint64_t> seed) {
  auto generator = seed ? at::make_generator<at::CPUGeneratorImpl>(*seed) : at::Generator();
  Construction construction{state_, names_, std::move(generator), spec.initialization};
  layers_ = build_sequence(spec.layers, "", construction);
  features_ = locate(spec.features);
  TORCH_CHECK_VALUE(features_.layer, "features names no layer: \"", spec.features, "\"");
  state_.lay_buffers_flat();
}

Tap Model::locate(const std::string& name) const {
  const auto exact = names_.find(name);
  if (exact != names_.end()) return {exact->second};
  for (const auto& [path, layer] : names_) {
    const std::string start = path.empty() ? "" : path + ".";
    if (!name.starts_with(start)) continue;
    const std::string inner = name.substr(start.size());
    if (layer->contains(inner)) return {layer, inner};
  }
  return {};
}

ModelOutput Model::forward(const at::Tensor& images, bool training, const std::vector<std::string>& taps,
                           const std::function<at::Tensor(const at::Tensor&)>& change) const {
  if (training) leave_inference();
  ForwardPass pass{training, {features_}, batch_norm_group_};
  pass.taps.front().change = change;
  for (const auto& name : taps) pass.taps.push_back(locate(name));
  const auto input = is_cast_already(images) ? images : in_dtype_of(state_, images);
  const auto output = forward_all(layers_, input, pass);
  ModelOutput result{pass.taps.front().output, output};
  for (size_t i = 1; i < pass.taps.size(); ++i) result.taps.push_back(pass.taps[i].output);
  return result;
}

ModelOutput Model::infer(const at::Tensor& images, bool use_packed) const {
  const auto type = images.device().type();
  const auto plain = [&] { return forward(images, /*training=*/false); };
  // A part of a layer is seen by the layer alone.
  if (!features_.inner.empty() || at::GradMode::is_enabled() || images.numel() == 0) return plain();
  // Fused activations make numbers of what is none.
  if (!is_all_finite(images)) return plain();
  const auto input = is_cast_already(images) ? images : in_dtype_of(state_, images);
  const auto dtype =
      at::autocast::is_autocast_enabled(type) ? at::autocast::get_autocast_dtype(type) : input.scalar_type();
  auto& plan = plan_for(dtype, images.device(), use_packed);
  if (!plan.is_checked) check(plan, input.narrow(0, 0, 1));
  if (!plan.steps) return plain();
  auto output = plan.steps->run(input);
  return {std::move(output.watched), std::move(output.last)};
}

void Model::check(Plan& plan, const at::Tensor& image) const {
  const UnkeptBlocks unkept;
  plan.is_checked = true;
  const auto wanted = forward(image, /*training=*/false).logits;
  if (!is_near(plan.steps->run(image).last, wanted)) plan.steps.reset();
}

Model::Plan& Model::plan_for(at::ScalarType dtype, c10::Device device, bool use_packed) const {
  WeightsMark now(state_);
  if (planned_ != now) plans_.clear();
  const auto fits = [&](const Plan& plan) {
    return plan.dtype == dtype && plan.device == device && plan.use_packed == use_packed;
  };
  const auto found = std::ranges::find_if(plans_, fits);
  if (found != plans_.end()) return *found;
  const UnkeptBlocks unkept;
  Planner planner;
  planner.watch(features_.layer);
  auto value = planner.add(Planner::Input{}, {});
  for (const auto& layer : layers_) value = layer->plan(value, planner);
  const InferencePlan::Options options{dtype, use_packed};
  planned_ = std::move(now);
  auto steps = std::make_unique<InferencePlan>(std::move(planner), value, options);
  return plans_.emplace_back(Plan{dtype, device, use_packed, std::move(steps)});
}

}  // namespace mcloss::nn
