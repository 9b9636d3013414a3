#include "classification.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <functional>
#include <tuple>
#include <utility>

#include "../autograd/backward.h"
#include "../distributed/shared_state.h"
#include "../ops/mc_loss.h"
#include "autocast.h"
#include "clip_gradients.h"
#include "snapshot.h"
#include "step_graph.h"

namespace mcloss::train {
namespace {

struct Losses {
  at::Tensor total, cross_entropy, discriminality, diversity;
  at::Tensor center;  // undefined without a center loss
};

// The terms of MC-Loss, as mc_loss() gives them.
using ChannelTerms = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

ChannelTerms channel_terms(const TrainingStep& step, const at::Tensor& features) {
  const auto& objective = step.objective;
  return mc_loss(features, step.labels, objective.block_classes, objective.block_channels, objective.alpha,
                 objective.beta, step.mask, objective.keep, objective.per_sample, objective.generator,
                 objective.pooling, objective.diversity_pooling, objective.diversity_over);
}

// What the terms are of beside logits and features: undefined where there is no such term.
struct Vectors {
  at::Tensor center, plug_in;
};

std::pair<at::Tensor, at::Tensor> classifier_loss(const nn::ModelOutput& output, const Vectors& vectors,
                                                  const at::Tensor& labels, const Objective& objective,
                                                  bool training, distributed::ProcessGroup* group) {
  if (objective.plug_in) {
    const ClassifierOutput given{output.logits, output.features, vectors.plug_in, training, group};
    const auto [loss, cross_entropy] = plug_in_loss(given, labels, *objective.plug_in);
    return {loss, cross_entropy};
  }
  const auto [loss, cross_entropy] = classification_loss(output.logits, labels, objective.classification);
  return {loss, cross_entropy};
}

Losses compute_losses(const nn::ModelOutput& output, const Vectors& vectors, const at::Tensor& labels,
                      const Objective& objective, const std::optional<ChannelTerms>& channels, bool training,
                      distributed::ProcessGroup* group = nullptr) {
  const auto [loss, cross_entropy] = classifier_loss(output, vectors, labels, objective, training, group);
  const auto none = at::zeros_like(loss);
  Losses losses{loss, cross_entropy, none, none, {}};
  if (channels) {
    losses.total = losses.total + std::get<0>(*channels);
    losses.discriminality = std::get<1>(*channels);
    losses.diversity = std::get<2>(*channels);
  }
  if (!objective.center) return losses;
  losses.center = center_loss(vectors.center, labels, objective.center->centers);
  losses.total = losses.total + losses.center * objective.center->weight;
  return losses;
}

// The class of each sample's largest score: -1 where a score is not finite, which is no answer.
at::Tensor predicted_classes(const at::Tensor& scores) {
  return scores.argmax(1).masked_fill(at::isfinite(scores).all(1).logical_not(), -1);
}

// The class of each label; of a distribution the one that it has most of.
at::Tensor classes_of(const at::Tensor& labels) {
  return labels.is_floating_point() ? labels.argmax(1) : labels;
}

// The metrics as one small tensor on the device, in the order of to_metrics().
at::Tensor measure(const Losses& losses, const at::Tensor& logits, const at::Tensor& labels) {
  const at::NoGradGuard no_grad;
  const auto correct = predicted_classes(logits).eq(classes_of(labels)).sum(at::kFloat);
  std::vector<at::Tensor> terms{losses.total, losses.cross_entropy, losses.discriminality, losses.diversity,
                                correct};
  if (losses.center.defined()) terms.push_back(losses.center);
  return at::stack(terms);
}

// What measure() gave, on the CPU in float64.
BatchMetrics to_metrics(const at::Tensor& measured) {
  const auto* terms = measured.const_data_ptr<double>();
  BatchMetrics metrics;
  metrics.loss = terms[0];
  metrics.cross_entropy = terms[1];
  metrics.discriminality = terms[2];
  metrics.diversity = terms[3];
  metrics.correct = static_cast<int64_t>(terms[4]);
  if (measured.size(0) > 5) metrics.center = terms[5];
  return metrics;
}

// The layers whose outputs the terms' vectors are; an empty name stands for the features' global average.
std::vector<std::string> layers_of_vectors(const Objective& objective) {
  std::vector<std::string> layers;
  if (objective.center) layers.push_back(objective.center->layer);
  if (objective.plug_in && objective.plug_in->layer) layers.push_back(*objective.plug_in->layer);
  return layers;
}

std::vector<std::string> taps_of(const Objective& objective) {
  auto layers = layers_of_vectors(objective);
  std::erase(layers, "");
  return layers;
}

Vectors vectors_of(const nn::ModelOutput& output, const Objective& objective) {
  std::vector<at::Tensor> found;
  auto tap = output.taps.begin();
  for (const auto& layer : layers_of_vectors(objective)) {
    found.push_back(layer.empty() ? output.features.mean({2, 3}) : (tap++)->flatten(1));
  }
  Vectors vectors;
  if (objective.center) vectors.center = found.front();
  if (objective.plug_in && objective.plug_in->layer) vectors.plug_in = found.back();
  return vectors;
}

std::function<at::Tensor(const at::Tensor&)> change_of(const Objective& objective) {
  if (!objective.plug_in) return {};
  return change_of_features(*objective.plug_in);
}

void note_non_finite(const at::Tensor& non_finite, const TrainingStep& step) {
  const at::NoGradGuard no_grad;
  const auto flag = non_finite.to(at::kFloat);
  step.found_inf.copy_(step.position == 0 ? flag : at::maximum(step.found_inf, flag));
}

// An update is of the mean of the losses of so many batches: of all processes, whose gradients are added.
int64_t count_parts(const TrainingStep& step) {
  return step.reducer ? step.accumulate * step.reducer->group()->size() : step.accumulate;
}

// Runs backward, and sends the gradients while it does where `reducer` is there.
void run_backward(const at::Tensor& loss, distributed::GradientReducer* reducer) {
  if (!reducer) return autograd::backward({loss}, {});
  reducer->begin();
  try {
    autograd::backward({loss}, {});
  } catch (...) {
    reducer->cancel();
    throw;
  }
}

// Makes what the update is of, and what it does not change, the same on all processes.
void share_update(const TrainingStep& step) {
  step.reducer->finish();
  auto found_inf = step.found_inf;
  distributed::share_state(*step.reducer->group(), step.model->state().buffer_blocks(), found_inf);
}

// Unscales, clips and applies the gradients.
void update(const TrainingStep& step) {
  auto& optimizer = *step.optimizer;
  const auto gradients = optimizer.gradients();
  std::optional<at::Tensor> found_inf;
  if (step.scaler) found_inf = step.scaler->unscale(gradients);
  if (step.clip_value) clip_value(gradients, *step.clip_value);
  if (step.clip_norm) clip_norm(gradients, *step.clip_norm);
  for (size_t i = 0; i < step.learning_rates.size(); ++i) {
    optimizer.set_learning_rate(i, step.learning_rates[i]);
  }
  optimizer.step(found_inf ? at::maximum(*found_inf, step.found_inf) : step.found_inf);
  if (step.scaler) step.scaler->update(*found_inf);
  if (step.ema) step.ema->update(step.model->state());
}

// How many classes come before each label's. Of equal logits the first come first and NaN is the largest, as
// argmax() has it, so that a dead network's top five are five.
at::Tensor ranks_of(const at::Tensor& labels, const at::Tensor& logits) {
  const auto order = logits.argsort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
  return order.eq(labels.unsqueeze(1)).to(at::kInt).argmax(1);
}

// The step on the mixed batch. Outside a graph, as each batch is mixed in another way.
TrainingStep mix(const TrainingStep& step) {
  auto* group = step.reducer ? step.reducer->group().get() : nullptr;
  auto [images, targets] = mix_batch(step.images, step.labels, *step.mixing, group);
  TrainingStep mixed = step;
  mixed.images = std::move(images);
  mixed.labels = std::move(targets);
  return mixed;
}

// In evaluation mode; by the plan only in float32 on the CPU, where it answers the same and saves time.
nn::ModelOutput evaluate_images(const nn::Model& model, const at::Tensor& images,
                                const std::vector<std::string>& taps, bool by_plan) {
  const bool fits = taps.empty() && images.is_cpu() && model.state().dtype() == at::kFloat &&
                    !at::autocast::is_autocast_enabled(at::kCPU);
  return by_plan && fits ? model.infer(images) : model.forward(images, /*training=*/false, taps);
}

// Of V views of each image [N, V, 3, H, W] the logits, and what was tapped, are averaged, as with
// torchvision's FiveCrop; the features lie one below the other, so that scores pool over all views.
nn::ModelOutput evaluate_views(const nn::Model& model, const at::Tensor& images,
                               const std::vector<std::string>& taps, bool by_plan) {
  if (images.dim() == 4) return evaluate_images(model, images, taps, by_plan);
  const at::IntArrayRef views = images.sizes().slice(0, 2);
  auto output = evaluate_images(model, images.flatten(0, 1), taps, by_plan);
  for (auto& tap : output.taps) tap = tap.unflatten(0, views).mean(1);
  return {output.features.unflatten(0, views).transpose(1, 2).flatten(2, 3),
          output.logits.unflatten(0, views).mean(1), std::move(output.taps)};
}

}  // namespace

bool has_channel_loss(const Objective& objective) {
  return !objective.block_classes.empty() && (objective.alpha != 0 || objective.beta != 0);
}

at::Tensor train_step(const TrainingStep& given) {
  const TrainingStep mixed = given.mixing ? mix(given) : TrainingStep{};
  const TrainingStep& step = given.mixing ? mixed : given;
  return step.graph ? step.graph->step(step) : run_step(step);
}

// Under capture nothing here may wait for the device, as item() or a mask of places would.
at::Tensor run_step(const TrainingStep& step) {
  const nn::Model& model = *step.model;
  const auto& objective = step.objective;
  const at::AutoGradMode enable_grad(true);
  std::optional<Snapshot> buffers;
  if (step.skip_non_finite) buffers.emplace(model.state().buffer_blocks());
  auto* group = step.reducer ? step.reducer->group().get() : nullptr;
  Vectors vectors;
  const auto losses_and_metrics = [&] {
    const Autocast autocast(step.images.device().type(), step.autocast);
    const auto output =
        model.forward(step.images, /*training=*/true, taps_of(objective), change_of(objective));
    vectors = vectors_of(output, objective);
    std::optional<ChannelTerms> channels;
    if (has_channel_loss(objective)) channels = channel_terms(step, output.features);
    const auto losses =
        compute_losses(output, vectors, step.labels, objective, channels, /*training=*/true, group);
    return std::pair(losses.total, measure(losses, output.logits, step.labels));
  };
  const auto [loss, metrics] = losses_and_metrics();
  const auto non_finite = loss.detach().isfinite().logical_not();
  note_non_finite(non_finite, step);
  const auto parts = count_parts(step);
  const auto share = parts > 1 ? loss / static_cast<double>(parts) : loss;
  const auto scaled = step.scaler ? step.scaler->scale(share) : share;
  const bool is_last = step.position + 1 == step.accumulate;
  const auto backward = [&] { run_backward(scaled, is_last ? step.reducer.get() : nullptr); };
  if (step.accumulate > 1) {
    step.optimizer->accumulate(step.position == 0, backward);
  } else {
    // Gradients that nothing is added to are cheapest where autograd makes them.
    step.optimizer->zero_grad();
    backward();
  }
  // Only now: backward has a look at them too.
  if (buffers) buffers->restore_where(non_finite);
  if (objective.center) {
    move_centers(*objective.center, vectors.center, step.labels, non_finite, group);
  }
  if (!is_last) return metrics;
  if (step.reducer) share_update(step);
  update(step);
  return metrics;
}

void finish_update(const TrainingStep& step) {
  const at::NoGradGuard no_grad;
  // Each was divided by the number of batches that were to come.
  const double ratio = static_cast<double>(step.accumulate) / static_cast<double>(step.position);
  for (auto& gradient : step.optimizer->gradients()) gradient.mul_(ratio);
  if (step.reducer) {
    step.reducer->begin();
    share_update(step);
  }
  update(step);
}

std::vector<BatchMetrics> read_metrics(const std::vector<at::Tensor>& steps) {
  const auto values = at::stack(steps).to(at::kCPU, at::kDouble).contiguous();
  std::vector<BatchMetrics> metrics;
  for (int64_t i = 0; i < values.size(0); ++i) metrics.push_back(to_metrics(values[i]));
  return metrics;
}

BatchEvaluation evaluate_batch(const nn::Model& model, const at::Tensor& images, const at::Tensor& labels,
                               const Objective& objective, std::optional<at::ScalarType> autocast,
                               bool by_plan) {
  const at::NoGradGuard no_grad;
  const Autocast guard(images.device().type(), autocast);
  const auto output = evaluate_views(model, images, taps_of(objective), by_plan);
  const auto& logits = output.logits;
  const auto vectors = vectors_of(output, objective);
  const auto predicted = predicted_classes(logits);
  const auto rank = ranks_of(labels, logits);
  auto by_groups = at::full_like(rank, -1);
  std::optional<ChannelTerms> channels;
  if (!objective.block_classes.empty()) {
    const auto [loss, discriminality, diversity, scores] = evaluate_channels(
        output.features, labels, objective.block_classes, objective.block_channels, objective.alpha,
        objective.beta, objective.pooling, objective.diversity_pooling, objective.diversity_over);
    channels = {loss, discriminality, diversity};
    by_groups = predicted_classes(scores);
  }
  const auto losses = compute_losses(output, vectors, labels, objective, channels, /*training=*/false);
  const auto samples = at::stack({predicted, rank, by_groups}, 1);
  const auto groups_correct = by_groups.eq(labels).sum(at::kDouble).reshape(1);
  const auto terms = measure(losses, logits, labels);
  const auto all = at::cat({samples.to(at::kDouble).flatten(), groups_correct, terms.to(at::kDouble)}).cpu();
  BatchEvaluation evaluation{to_metrics(all.slice(0, samples.numel() + 1)),
                             all.slice(0, 0, samples.numel()).to(at::kInt).view(samples.sizes())};
  evaluation.metrics.groups_correct = all[samples.numel()].item<int64_t>();
  return evaluation;
}

}  // namespace mcloss::train
