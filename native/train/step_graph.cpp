#include "step_graph.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/variable.h>

#include <array>
#include <exception>
#include <utility>

#include "../autograd/mode.h"
#include "../ops/mask.h"

namespace mcloss::train {
namespace {

// As many as PyTorch takes before it captures (torch.cuda.make_graphed_callables).
constexpr int kWarmUpSteps = 3;

bool has_hooks(const at::Tensor& parameter) {
  return !torch::autograd::impl::hooks(parameter).empty() ||
         torch::autograd::impl::post_acc_grad_hooks(parameter) != nullptr;
}

bool has_hooks(const nn::State& state) {
  for (const auto& entry : state.entries()) {
    if (entry.trainable && has_hooks(entry.tensor)) return true;
  }
  return false;
}

// Empty where nothing is against a graph.
std::string reason_against(const nn::Model& model, const at::Tensor& images) {
  if (!images.is_cuda()) return "the images are not on a GPU";
  if (autograd::current_mode().anomaly) return "anomaly detection looks at every gradient";
  if (has_hooks(model.state())) return "a parameter has a hook, which a graph would not call";
  return {};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string message_of(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  return first_line(ours ? ours->what_without_backtrace() : error.what());
}

}  // namespace

struct StepGraph::Recorded {
  struct Tensor {
    const void* data;
    bool trained;
    bool frozen;
    bool operator==(const Tensor&) const = default;
  };

  explicit Recorded(const TrainingStep& step)
      : shape(step.images.sizes().vec()),
        distributions(step.labels.is_floating_point()),
        dtype(step.images.scalar_type()),
        autocast(step.autocast),
        clip_norm(step.clip_norm),
        clip_value(step.clip_value),
        skip_non_finite(step.skip_non_finite),
        objects{step.optimizer.get(), step.scaler.get(), step.ema.get()},
        objective(step.objective) {
    for (const auto& [name, tensor, trainable, frozen] : step.model->state().entries()) {
      tensors.push_back({tensor.const_data_ptr(), tensor.requires_grad(), frozen});
    }
  }
  bool operator==(const Recorded&) const = default;

  std::vector<int64_t> shape;
  bool distributions;
  at::ScalarType dtype;
  std::optional<at::ScalarType> autocast;
  std::optional<double> clip_norm;
  std::optional<double> clip_value;
  bool skip_non_finite;
  std::array<const void*, 3> objects;
  Objective objective;
  bool tf32_products = at::globalContext().allowTF32CuBLAS();
  bool tf32_convolutions = at::globalContext().allowTF32CuDNN();
  std::vector<Tensor> tensors;
};

StepGraph::StepGraph() {
  if (!can_capture_streams()) refusal_ = "the addon was built without CUDA";
}

StepGraph::~StepGraph() = default;

void StepGraph::refuse(std::string reason) {
  refusal_ = std::move(reason);
  capture_.reset();
  recorded_.reset();
  images_ = labels_ = found_inf_ = metrics_ = at::Tensor();
  mask_.reset();
  learning_rates_.clear();
}

bool StepGraph::is_smaller(const at::Tensor& images) const {
  if (!recorded_ || images.dim() != static_cast<int64_t>(recorded_->shape.size())) return false;
  const auto shape = at::IntArrayRef(recorded_->shape);
  return images.size(0) < shape[0] && images.sizes().slice(1) == shape.slice(1);
}

void StepGraph::begin(const TrainingStep& step) {
  capture_.reset();
  captured_ = false;
  warm_steps_ = 0;
  capture_ = make_stream_capture(step.images.device());
  images_ = at::empty_like(step.images);
  labels_ = at::empty_like(step.labels);
  mask_.reset();
  const auto scalars = at::TensorOptions(at::kFloat).device(step.images.device());
  found_inf_ = at::empty({}, scalars);
  learning_rates_.clear();
  for (size_t i = 0; i < step.learning_rates.size(); ++i) learning_rates_.push_back(at::empty({}, scalars));
}

void StepGraph::load(const TrainingStep& step) {
  const at::NoGradGuard no_grad;
  images_.copy_(step.images, /*non_blocking=*/true);
  labels_.copy_(step.labels, /*non_blocking=*/true);
  for (size_t i = 0; i < step.learning_rates.size(); ++i) {
    learning_rates_.at(i).fill_(step.learning_rates[i]);
    step.optimizer->set_learning_rate(i, learning_rates_[i]);
  }
  const auto& objective = step.objective;
  if (!has_channel_loss(objective)) return;
  // Outside the graph, which moves LibTorch's own generator on at each launch, and no other.
  const auto mask =
      draw_mask(objective.block_classes, objective.block_channels, objective.keep,
                objective.per_sample ? images_.size(0) : 1, images_.device(), objective.generator);
  if (mask_) {
    mask_->copy_(mask);
  } else {
    mask_ = mask;
  }
}

at::Tensor StepGraph::step(const TrainingStep& step) {
  if (refusal_.empty()) {
    if (auto reason = reason_against(*step.model, step.images); !reason.empty()) refuse(std::move(reason));
  }
  if (!refusal_.empty() || is_smaller(step.images)) return run_step(step);
  Recorded now(step);
  if (!recorded_ || *recorded_ != now) {
    begin(step);
    recorded_ = std::make_unique<Recorded>(std::move(now));
  }
  load(step);
  TrainingStep inside = step;
  inside.images = images_;
  inside.labels = labels_;
  inside.mask = mask_;
  inside.learning_rates.clear();
  inside.found_inf = found_inf_;
  const auto work = [&] { metrics_ = run_step(inside); };
  if (warm_steps_ < kWarmUpSteps) {
    ++warm_steps_;
    capture_->warm_up(work);
    return metrics_.clone();
  }
  if (!captured_) {
    // So that the gradients of the graph are in its own memory, where nothing else is put.
    step.optimizer->zero_grad();
    try {
      capture_->capture(work);
      captured_ = true;
    } catch (const std::exception& error) {
      TrainingStep alone = step;
      alone.mask = mask_;
      refuse("the step could not be captured: " + message_of(error));
      return run_step(alone);
    }
  }
  capture_->replay();
  return metrics_.clone();
}

}  // namespace mcloss::train
