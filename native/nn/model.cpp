#include "model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

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
  at::Tensor output = is_cast_already(images) ? images : in_dtype_of(state_, images);
  for (const auto& layer : layers_) output = layer->forward(output, pass);
  ModelOutput result{pass.taps.front().output, output};
  for (size_t i = 1; i < pass.taps.size(); ++i) result.taps.push_back(pass.taps[i].output);
  return result;
}

ModelOutput Model::infer(const at::Tensor& images, bool use_onednn) const {
  const auto type = images.device().type();
  // A part of a layer is seen by the layer alone.
  if (!features_.inner.empty() || at::GradMode::is_enabled()) return forward(images, /*training=*/false);
  const auto input = is_cast_already(images) ? images : in_dtype_of(state_, images);
  const auto dtype =
      at::autocast::is_autocast_enabled(type) ? at::autocast::get_autocast_dtype(type) : input.scalar_type();
  auto output = plan_for(dtype, images.device(), use_onednn).run(input);
  return {std::move(output.watched), std::move(output.last)};
}

const InferencePlan& Model::plan_for(at::ScalarType dtype, c10::Device device, bool use_onednn) const {
  WeightsMark now(state_);
  if (planned_ != now) plans_.clear();
  const auto fits = [&](const Plan& plan) {
    return plan.dtype == dtype && plan.device == device && plan.use_onednn == use_onednn;
  };
  auto found = std::ranges::find_if(plans_, fits);
  if (found == plans_.end()) {
    Planner planner;
    planner.watch(features_.layer);
    auto value = planner.add(Planner::Input{}, {});
    for (const auto& layer : layers_) value = layer->plan(value, planner);
    const InferencePlan::Options options{dtype, use_onednn};
    found = plans_.insert(
        plans_.end(),
        {dtype, device, use_onednn, std::make_unique<InferencePlan>(std::move(planner), value, options)});
    planned_ = std::move(now);
  }
  return *found->steps;
}

}  // namespace mcloss::nn
