#include "inference_plan.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ThreadLocalState.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mv.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "../ops/convolution.h"
#include "layer.h"
#include "packed_convolution.h"

namespace mcloss::nn {
namespace {

using Value = Planner::Value;

// So that no thread has much fewer than another.
constexpr int64_t kImagesAThread = 4;
// Multiplications that make a thread worth its waking, some twenty microseconds at each of the steps.
constexpr double kWorkAThread = 50e6;
// A linear layer of more weights is read once for a whole batch.
constexpr int64_t kLinearWeightsAtMost = 4 << 20;

// [C] beside tensors [N, C] or [N, C, H, W].
at::Tensor by_channel(const at::Tensor& values, int64_t dimensions) {
  std::vector<int64_t> shape(static_cast<size_t>(dimensions), 1);
  shape[1] = -1;
  return values.view(shape);
}

// A linear layer of vectors [N, I], or of the channels of each place of [N, I, H, W]: the first input says of
// which, and the weights are kept for that alone.
class PreparedLinear {
 public:
  PreparedLinear(Planner::Linear linear, ConvolutionEnd end, bool use_packed)
      : linear_(std::move(linear)), end_(end), use_packed_(use_packed) {}

  at::Tensor run(const at::Tensor& input) const {
    if (input.dim() == 4) return packed().run(input, {}, false);
    const auto& bias = linear_.bias;
    auto output = at::linear(input, linear_.weight, bias.defined() ? std::optional(bias) : std::nullopt);
    if (end_.activation) end_.activation->apply(output);
    return output;
  }

 private:
  const PackedConvolution& packed() const {
    if (!packed_) {
      const auto kernels = linear_.weight.unsqueeze(2).unsqueeze(3);  // [O, I, 1, 1]
      packed_ = pack_convolution({kernels, linear_.bias, {}}, end_, use_packed_);
      linear_ = {};
    }
    return *packed_;
  }

  mutable Planner::Linear linear_;  // empty once it is packed
  ConvolutionEnd end_;
  bool use_packed_;
  mutable std::unique_ptr<PackedConvolution> packed_;
};

// One operation with what was folded into it: a step of the plan.
struct Fused {
  Planner::Operation operation;
  std::vector<Value> inputs;
  std::optional<Planner::Affine> before = {}, after = {};  // of what is weighted
  std::optional<Activation> activation = {};
  bool adds = false;                // the last input
  std::vector<Fused> earlier = {};  // convolutions that this one's first input goes through

  template <class T>
  T* as() {
    return std::get_if<T>(&operation);
  }
  bool is_open() const { return !activation && !adds; }
};

// First one, then the other.
Planner::Affine compose(const std::optional<Planner::Affine>& first, const Planner::Affine& second) {
  if (!first) return second;
  return {first->scale * second.scale, first->shift * second.scale + second.shift};
}

at::Tensor plus(const at::Tensor& bias, const at::Tensor& shift) {
  return bias.defined() ? bias + shift : shift;
}

// With what is folded into it, in float64.
template <class Weighted>
Weighted fold(Weighted weighted, const Fused& fused) {
  if (!fused.before && !fused.after) return weighted;
  auto& weight = weighted.weight;
  auto& bias = weighted.bias;
  weight = weight.detach().to(at::kDouble);
  if (bias.defined()) bias = bias.detach().to(at::kDouble);
  if (const auto& affine = fused.before) {
    bias = plus(bias, at::mv(weight, affine->shift));
    weight = weight * affine->scale;
  }
  if (const auto& affine = fused.after) {
    std::vector<int64_t> shape(static_cast<size_t>(weight.dim()), 1);
    shape[0] = -1;
    weight = weight * affine->scale.view(shape);
    bias = plus(bias.defined() ? bias * affine->scale : bias, affine->shift);
  }
  return weighted;
}

}  // namespace

// Makes steps of a planner's nodes.
class InferencePlan::Compiler {
 public:
  Compiler(std::vector<Planner::Node>& nodes, Options options)
      : nodes_(nodes), options_(options), giver_(nodes.size()), uses_(nodes.size(), 0) {
    for (Value value = nodes.size(); value-- > 0;) {
      if (!is_needed(value)) continue;
      for (const auto input : nodes[value].inputs) {
        ++uses_[input];
        // What may lie in the same memory is not written over.
        if (is_view(nodes[value])) shared_.push_back(input);
      }
    }
  }

  void compile(InferencePlan& plan) {
    for (Value value = 1; value < nodes_.size(); ++value) {
      if (is_needed(value)) take(value);
    }
    std::vector<Value> positions;
    for (const auto& [position, fused] : fused_) positions.push_back(position);
    for (const Value position : positions) join(position);
    std::map<Value, Value> last_use;
    for (const auto& [position, fused] : fused_) {
      for (const auto input : fused.inputs) last_use[giver_[input]] = position;
    }
    std::map<Value, size_t> slots{{0, 0}};
    for (auto& [position, fused] : fused_) {
      const auto ends = [&](Value input) {
        const Value source = giver_[input];
        return last_use[source] == position && !nodes_[source].kept;
      };
      Step step;
      for (const auto input : fused.inputs) {
        step.inputs.push_back(slots.at(giver_[input]));
        if (ends(input)) step.ended.push_back(step.inputs.back());
      }
      const Value target = fused.as<Planner::Product>() ? fused.inputs.front() : fused.inputs.back();
      const bool overwrites =
          ends(target) && is_own(target) && std::ranges::count(step.inputs, slots.at(giver_[target])) == 1;
      step.run = make_step(fused, overwrites);
      step.work = work_of(fused);
      slots[position] = plan.steps_.size() + 1;
      plan.steps_.push_back(std::move(step));
    }
    for (auto& [position, slot] : slots) slot_of_.emplace(position, slot);
    for (auto& [position, fused] : fused_) plan.splits_ = plan.splits_ && may_split(fused);
  }

  size_t slot_of(Value value) const { return slot_of_.at(giver_[value]); }

 private:
  static bool is_view(const Planner::Node& node) {
    const auto* call = std::get_if<Planner::Call>(&node.operation);
    return std::holds_alternative<Planner::Flatten>(node.operation) ||
           (call && call->result == Planner::Result::kMayShareInput);
  }

  // Multiplications for each number that a step gives.
  static int64_t work_of(Fused& fused) {
    const auto* convolution = fused.as<Planner::Convolution>();
    const auto* linear = fused.as<Planner::Linear>();
    if (!convolution && !linear) return 1;
    const auto& weight = convolution ? convolution->weight : linear->weight;
    int64_t multiplications = weight.numel();
    for (auto& stage : fused.earlier) multiplications += stage.as<Planner::Convolution>()->weight.numel();
    return multiplications / std::max<int64_t>(1, weight.size(0));
  }

  static bool may_split(Fused& fused) {
    const auto* call = fused.as<Planner::Call>();
    const auto* linear = fused.as<Planner::Linear>();
    return (!call || call->layer->is_stateless()) &&
           (!linear || linear->weight.numel() <= kLinearWeightsAtMost);
  }

  bool is_needed(Value value) const { return uses_[value] > 0 || nodes_[value].kept; }

  // Whether nothing else can lie in the memory of what gives a value.
  bool is_own(Value value) const {
    const Value source = giver_[value];
    if (source == 0 || is_view(nodes_[source])) return false;
    return std::ranges::none_of(shared_, [&](Value other) { return giver_[other] == source; });
  }

  // The step that gives a value, where nothing but the node at hand needs it.
  Fused* only_for_this(Value value) {
    if (uses_[value] != 1 || nodes_[value].kept || value == 0) return nullptr;
    const auto found = fused_.find(giver_[value]);
    return found == fused_.end() ? nullptr : &found->second;
  }

  // `value` is given by the step of `before` from now on, at its own place in the order.
  void move(Value before, Value value) {
    const Value source = giver_[before];
    auto entry = fused_.extract(source);
    entry.key() = value;
    fused_.insert(std::move(entry));
    for (auto& giver : giver_) {
      if (giver == source) giver = value;
    }
    giver_[value] = value;
  }

  void take(Value value) {
    auto& node = nodes_[value];
    giver_[value] = value;
    const auto* affine = std::get_if<Planner::Affine>(&node.operation);
    if (affine && fold_affine(node.inputs[0], *affine)) return move(node.inputs[0], value);
    const auto* activation = std::get_if<Activation>(&node.operation);
    if (activation && attach(node.inputs[0], *activation)) return move(node.inputs[0], value);
    if (std::holds_alternative<Planner::Sum>(node.operation)) {
      for (const size_t side : {0, 1}) {
        const Value convolved = node.inputs[side], other = node.inputs[1 - side];
        if (!attach_sum(convolved, other)) continue;
        return move(convolved, value);
      }
    }
    Fused fused{node.operation, node.inputs};
    if (fused.as<Planner::Linear>()) {
      auto* before = only_for_this(node.inputs[0]);
      if (before && before->is_open() && before->as<Planner::Affine>()) {
        fused.before = *before->as<Planner::Affine>();
        fused.inputs = before->inputs;
        fused_.erase(giver_[node.inputs[0]]);
      }
    }
    fused_.emplace(value, std::move(fused));
  }

  bool fold_affine(Value input, const Planner::Affine& affine) {
    auto* before = only_for_this(input);
    if (!before || !before->is_open()) return false;
    if (!before->as<Planner::Convolution>() && !before->as<Planner::Linear>()) return false;
    before->after = compose(before->after, affine);
    return true;
  }

  bool attach(Value input, const Activation& activation) {
    auto* before = only_for_this(input);
    if (!before || before->activation || before->as<Activation>() || before->as<Planner::Call>() ||
        before->as<Planner::Flatten>()) {
      return false;
    }
    before->activation = activation;
    return true;
  }

  bool attach_sum(Value convolved, Value other) {
    if (giver_[convolved] == giver_[other]) return false;
    auto* before = only_for_this(convolved);
    if (!before || !before->is_open() || !before->as<Planner::Convolution>()) return false;
    before->adds = true;
    before->inputs.push_back(other);
    return true;
  }

  // Convolutions of whose outputs little is kept, where what they give goes nowhere else.
  void join(Value position) {
    const auto found = fused_.find(position);
    if (found == fused_.end() || !options_.use_packed || options_.dtype != at::kFloat) return;
    auto& last = found->second;
    if (!is_pointwise(last)) return;
    auto* middle = only_for_this(last.inputs[0]);
    if (!middle || middle->adds || !is_depthwise(*middle)) return;
    auto* first = only_for_this(middle->inputs[0]);
    if (first && (first->adds || !is_pointwise(*first))) first = nullptr;
    const Value middle_value = giver_[last.inputs[0]], first_value = giver_[middle->inputs[0]];
    last.inputs[0] = first ? first->inputs[0] : middle->inputs[0];
    if (first) last.earlier.push_back(std::move(*first));
    last.earlier.push_back(std::move(*middle));
    if (first) fused_.erase(first_value);
    fused_.erase(middle_value);
  }

  static bool is_pointwise(Fused& fused) {
    const auto* convolution = fused.as<Planner::Convolution>();
    return convolution && convolution->window.groups == 1 && convolution->weight.size(2) == 1 &&
           convolution->weight.size(3) == 1;
  }

  static bool is_depthwise(Fused& fused) {
    const auto* convolution = fused.as<Planner::Convolution>();
    return convolution && convolution->window.groups == convolution->weight.size(0) &&
           convolution->weight.size(1) == 1;
  }

  at::Tensor ready(const at::Tensor& tensor) const {
    return tensor.defined() ? tensor.detach().to(options_.dtype) : tensor;
  }

  std::unique_ptr<PackedConvolution> pack(const Planner::Convolution& convolution,
                                          const ConvolutionEnd& end) const {
    return pack_convolution({ready(convolution.weight), ready(convolution.bias), convolution.window}, end,
                            options_.use_packed);
  }

  std::function<at::Tensor(Inputs&)> make_step(Fused& fused, bool overwrites) const {
    return std::visit([&](auto& operation) { return step_of(operation, fused, overwrites); },
                      fused.operation);
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Input&, const Fused&, bool) const {
    TORCH_INTERNAL_ASSERT(false, "the input is no step");
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Convolution& convolution, const Fused& fused,
                                             bool overwrites) const {
    std::shared_ptr<PackedConvolution> packed = join_stages(fused);
    if (!packed && !fused.earlier.empty()) return one_by_one(fused, overwrites);
    if (!packed) packed = pack(fold(convolution, fused), {fused.adds, fused.activation});
    return [packed, dtype = options_.dtype, adds = fused.adds, overwrites](Inputs& inputs) {
      return packed->run(inputs[0].to(dtype), adds ? inputs[1] : at::Tensor(), overwrites);
    };
  }

  ConvolutionStage stage_of(const Fused& fused) const {
    const auto folded = fold(std::get<Planner::Convolution>(fused.operation), fused);
    return {{ready(folded.weight), ready(folded.bias), folded.window}, {fused.adds, fused.activation}};
  }

  std::unique_ptr<PackedConvolution> join_stages(const Fused& fused) const {
    if (fused.earlier.empty()) return nullptr;
    std::vector<ConvolutionStage> stages;
    for (const auto& stage : fused.earlier) stages.push_back(stage_of(stage));
    stages.push_back(stage_of(fused));
    return join_convolutions(stages);
  }

  std::function<at::Tensor(Inputs&)> one_by_one(const Fused& fused, bool overwrites) const {
    std::vector<std::function<at::Tensor(Inputs&)>> steps;
    for (auto stage : fused.earlier) steps.push_back(make_step(stage, false));
    auto last = fused;
    last.earlier.clear();
    return [steps, end = make_step(last, overwrites)](Inputs& inputs) {
      for (const auto& step : steps) {
        Inputs only{inputs[0]};
        inputs[0] = step(only);
      }
      return end(inputs);
    };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Linear& linear, const Fused& fused, bool) const {
    const auto folded = fold(linear, fused);
    auto prepared =
        std::make_shared<PreparedLinear>(Planner::Linear{ready(folded.weight), ready(folded.bias)},
                                         ConvolutionEnd{false, fused.activation}, options_.use_packed);
    return [prepared, dtype = options_.dtype](Inputs& inputs) { return prepared->run(inputs[0].to(dtype)); };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Affine& affine, const Fused& fused,
                                             bool overwrites) const {
    return [scale = ready(affine.scale), shift = ready(affine.shift), activation = fused.activation,
            overwrites](Inputs& inputs) {
      const auto& input = inputs[0];
      const auto factor = by_channel(scale, input.dim());
      auto output = overwrites ? input.mul_(factor) : input * factor;
      output.add_(by_channel(shift, input.dim()));
      if (activation) activation->apply(output);
      return output;
    };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Activation& activation, const Fused&,
                                             bool overwrites) const {
    return [activation, overwrites](Inputs& inputs) {
      if (!overwrites) return activation(inputs[0]);
      activation.apply(inputs[0]);
      return inputs[0];
    };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Sum&, const Fused& fused, bool overwrites) const {
    return [activation = fused.activation, overwrites](Inputs& inputs) {
      auto output = overwrites ? inputs[1].add_(inputs[0]) : inputs[0] + inputs[1];
      if (activation) activation->apply(output);
      return output;
    };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Product&, const Fused& fused,
                                             bool overwrites) const {
    return [activation = fused.activation, overwrites](Inputs& inputs) {
      auto output = overwrites ? inputs[0].mul_(inputs[1]) : inputs[0] * inputs[1];
      if (activation) activation->apply(output);
      return output;
    };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Concatenation&, const Fused& fused, bool) const {
    return [activation = fused.activation](Inputs& inputs) {
      auto output = at::cat(inputs, 1);
      if (activation) activation->apply(output);
      return output;
    };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Flatten&, const Fused&, bool) const {
    return [](Inputs& inputs) { return inputs[0].flatten(1); };
  }

  std::function<at::Tensor(Inputs&)> step_of(const Planner::Call& call, const Fused&, bool) const {
    return [layer = call.layer](Inputs& inputs) {
      ForwardPass pass;
      return layer->forward(inputs[0], pass);
    };
  }

  std::vector<Planner::Node>& nodes_;
  Options options_;
  std::vector<Value> giver_;      // by value: the position of the step that gives it
  std::vector<size_t> uses_;      // by value
  std::vector<Value> shared_;     // values that a view may be of
  std::map<Value, Fused> fused_;  // by the position of its last node
  std::map<Value, size_t> slot_of_;
};

InferencePlan::InferencePlan(Planner planner, Value last, Options options) {
  auto& nodes = planner.nodes();
  const Value watched = planner.seen().value_or(last);
  nodes[last].kept = nodes[watched].kept = true;
  Compiler compiler(nodes, options);
  compiler.compile(*this);
  watched_ = compiler.slot_of(watched);
  last_ = compiler.slot_of(last);
}

int64_t InferencePlan::threads_for(const at::Tensor& input) const {
  const int64_t most = at::get_num_threads();
  if (!is_packed_ || !input.is_cpu()) return most;
  const double work = work_ * static_cast<double>(input.numel()) / kWorkAThread;
  return work < static_cast<double>(most) ? std::max<int64_t>(1, static_cast<int64_t>(work)) : most;
}

InferencePlan::Output InferencePlan::run(const at::Tensor& input) const {
  const int64_t all = at::get_num_threads(), threads = threads_for(input);
  if (threads == all) return run_on(input, threads);
  struct Restored {
    int64_t count;
    ~Restored() { use_threads_here(static_cast<int>(count)); }
  };
  const Restored restored{all};
  use_threads_here(static_cast<int>(threads));
  return run_on(input, threads);
}

InferencePlan::Output InferencePlan::run_on(const at::Tensor& input, int64_t threads) const {
  const int64_t images = input.size(0);
  const bool even = images % threads == 0 || images >= kImagesAThread * threads;
  if (!splits_ || !is_packed_ || !input.is_cpu() || threads < 2 || images < threads || !even) {
    auto output = run_steps(input);
    is_packed_ = true;
    return output;
  }
  const at::ThreadLocalState state;
  std::vector<Output> parts(static_cast<size_t>(threads));
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    const at::ThreadLocalStateGuard guard(state);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = images * i / threads;
      parts[static_cast<size_t>(i)] = run_steps(input.narrow(0, first, images * (i + 1) / threads - first));
    }
  });
  std::vector<at::Tensor> watched, last;
  for (auto& part : parts) {
    watched.push_back(std::move(part.watched));
    last.push_back(std::move(part.last));
  }
  return {at::cat(watched), at::cat(last)};
}

InferencePlan::Output InferencePlan::run_steps(const at::Tensor& input) const {
  std::vector<at::Tensor> values(steps_.size() + 1);
  values[0] = input;
  Inputs inputs;
  double work = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const auto& step = steps_[i];
    inputs.clear();
    for (const size_t source : step.inputs) inputs.push_back(values[source]);
    values[i + 1] = step.run(inputs);
    if (!is_packed_) work += static_cast<double>(step.work) * static_cast<double>(values[i + 1].numel());
    for (const size_t source : step.ended) values[source] = at::Tensor();
  }
  if (!is_packed_) work_ = work / static_cast<double>(input.numel());
  return {values[watched_], values[last_]};
}

}  // namespace mcloss::nn
