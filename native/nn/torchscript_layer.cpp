#include "torchscript_layer.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <unordered_set>

namespace mcloss::nn {
namespace {

namespace jit = torch::jit;

constexpr const char* kForward = "forward";

// A method of one module of the tree: whose result a tap wants.
struct Target {
  c10::intrusive_ptr<c10::ivalue::Object> module;
  std::string method;
  at::Tensor result = {};

  bool matches(const c10::ivalue::Object* called, const std::string& name) const {
    if (called != module.get()) return false;
    if (name == method) return true;
    // A module that a trace ran twice has forward1 beside forward.
    return method == kForward && name.starts_with(kForward) &&
           name.find_first_not_of("0123456789", method.size()) == std::string::npos;
  }
};

// What the running pass wants from inside the module.
struct Recorder {
  std::vector<Target> targets;
};

// mcloss::tap gives back its first argument, after it told the recorder of it. TorchScript has no forward
// hooks that native code could set, so every call of a method is followed by one of these.
constexpr const char* kTapSchema =
    "mcloss::tap(Tensor(a) result, Any module, str method, int recorder) -> Tensor(a)";

void record(jit::Stack& stack) {
  auto* recorder = reinterpret_cast<Recorder*>(jit::pop(stack).toInt());
  const std::string method = jit::pop(stack).toStringRef();
  const auto module = jit::pop(stack);
  const auto& result = stack.back().toTensor();
  for (auto& target : recorder->targets) {
    if (target.matches(&module.toObjectRef(), method)) target.result = result;
  }
}

void register_tap() {
  static const jit::RegisterOperators registration(
      {jit::Operator(kTapSchema, record, c10::AliasAnalysisKind::FROM_SCHEMA)});
}

bool calls_for_a_tensor(const jit::Node& node) {
  if (node.kind() != c10::prim::CallMethod || node.outputs().size() != 1) return false;
  const auto type = node.input(0)->type()->cast<c10::ClassType>();
  return type && type->is_module() && node.output()->type()->isSubtypeOf(*c10::TensorType::get());
}

void insert_taps(jit::Graph& graph, jit::Block& block, int64_t recorder) {
  const std::vector<jit::Node*> nodes(block.nodes().begin(), block.nodes().end());
  for (auto* node : nodes) {
    for (auto* inner : node->blocks()) insert_taps(graph, *inner, recorder);
    if (!calls_for_a_tensor(*node)) continue;
    const jit::WithInsertPoint after(node->next());
    auto* method = graph.insertConstant(node->s(c10::attr::name));
    auto* address = graph.insertConstant(recorder);
    auto* tap = graph.insertNode(graph.create(c10::Symbol::fromQualString("mcloss::tap"),
                                              {node->output(), node->input(0), method, address}, 1));
    tap->output()->setType(node->output()->type());
    node->output()->replaceAllUsesAfterNodeWith(tap, tap->output());
  }
}

// In every method of every class in the tree. Must come before the module first runs.
void insert_taps(const jit::Module& module, const Recorder& recorder) {
  register_tap();
  std::unordered_set<c10::ClassType*> done;
  for (const auto& part : module.modules()) {
    if (!done.insert(part.type().get()).second) continue;
    for (auto* method : part.type()->methods()) {
      method->ensure_defined();
      auto* function = jit::tryToGraphFunction(*method);
      if (!function) continue;
      const auto graph = function->graph();
      insert_taps(*graph, *graph->block(), reinterpret_cast<int64_t>(&recorder));
    }
  }
}

jit::Module load(const std::string& path) {
  try {
    return jit::load(path, at::kCPU);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw TorchScriptFileError(
        path + " is not a TorchScript module: " + text.substr(0, text.find('\n')) +
        ". Write it with torch.jit.save(torch.jit.script(module), path); loadStateDict() reads state dicts");
  }
}

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char letter : name) {
    if (letter == '.') {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

std::optional<jit::Module> child_of(const jit::Module& module, const std::string& name) {
  if (!module.hasattr(name)) return std::nullopt;
  const auto value = module.attr(name);
  return value.isModule() ? std::optional(value.toModule()) : std::nullopt;
}

class TorchScript final : public Layer {
 public:
  TorchScript(const LayerSpec& spec, const std::string& path, Construction& construction)
      : path_(path), module_(load(spec.text("path", ""))) {
    insert_taps(module_, recorder_);
    add_tensors(module_, path, construction.state);
    const std::string output = spec.text("output", kForward);
    const auto target = locate(output);
    TORCH_CHECK_VALUE(target, path, ": output names no submodule or method of the module: \"", output, "\"");
    output_ = *target;
  }

  bool is_stateless() const override { return false; }
  bool contains(const std::string& inner) const override { return locate(inner).has_value(); }

 private:
  // Names as Python's state_dict() has them, in its order.
  void add_tensors(const jit::Module& module, const std::string& path, State& state) {
    for (const auto& [name, tensor] : module.named_parameters(false)) {
      // A parameter under a second name is trained under the first.
      if (!parameters_.insert(tensor.unsafeGetTensorImpl()).second) {
        state.add_buffer(join_names(path, name), tensor);
        continue;
      }
      const bool frozen = !tensor.requires_grad();
      state.add_parameter(join_names(path, name), tensor);
      if (frozen) state.set_frozen({state.entries().size() - 1}, true);
    }
    for (const auto& [name, tensor] : module.named_buffers(false)) {
      const auto& entry = state.add_buffer(join_names(path, name), tensor);
      statistics_.push_back({module, &entry});
    }
    for (const auto& [name, child] : module.named_children()) {
      add_tensors(child, join_names(path, name), state);
    }
  }

  // "layer3.0.conv1" is the output of a submodule, "forward_features" that of a method.
  std::optional<Target> locate(const std::string& name) const {
    auto parts = split(name);
    const std::string last = std::move(parts.back());
    parts.pop_back();
    std::optional<jit::Module> owner(module_);
    for (const auto& part : parts) {
      owner = child_of(*owner, part);
      if (!owner) return std::nullopt;
    }
    if (const auto child = child_of(*owner, last)) return Target{child->_ivalue(), kForward};
    if (owner->find_method(last)) return Target{owner->_ivalue(), last};
    return std::nullopt;
  }

  at::Tensor compute(const at::Tensor& input, ForwardPass& pass) const override {
    set_mode(pass.training);
    const bool whole = output_.module == module_._ivalue();
    recorder_.targets.clear();
    if (!whole) recorder_.targets.push_back(output_);
    for (const auto& tap : pass.taps) {
      if (tap.layer == this && !tap.inner.empty()) recorder_.targets.push_back(*locate(tap.inner));
    }
    auto result = call(whole ? output_.method : kForward, input);
    auto targets = std::exchange(recorder_.targets, {});
    auto next = targets.begin();
    if (!whole) result = taken(*next++, input, /*name=*/"output");
    for (auto& tap : pass.taps) {
      if (tap.layer == this && !tap.inner.empty()) tap.output = taken(*next++, input, tap.inner);
    }
    return result;
  }

  // What the pass recorded; a method that no method called is called now.
  at::Tensor taken(Target& target, const at::Tensor& input, const std::string& name) const {
    if (target.result.defined()) return std::move(target.result);
    TORCH_CHECK_VALUE(target.module == module_._ivalue(), path_,
                      ": the module ran without giving a tensor for \"", name, "\"");
    return call(target.method, input);
  }

  at::Tensor call(const std::string& method, const at::Tensor& input) const {
    // Without the optimizer of graphs: the operators are those of eager mode, from the first pass on.
    const jit::GraphOptimizerEnabledGuard eager(false);
    const auto result = module_.get_method(method)({input});
    TORCH_CHECK_VALUE(result.isTensor(), path_, ": ", method, " must give a tensor, got ", result.tagKind());
    return result.toTensor();
  }

  void set_mode(bool training) const {
    auto module = module_;
    module.train(training);
    if (!training) return;
    for (const auto& [owner, entry] : statistics_) {
      if (entry->frozen && owner.hasattr("training")) owner._ivalue()->setAttr("training", false);
    }
  }

  struct Statistic {
    jit::Module owner;
    const NamedTensor* entry;
  };

  std::string path_;
  jit::Module module_;
  Target output_;
  std::unordered_set<const at::TensorImpl*> parameters_;
  std::vector<Statistic> statistics_;
  mutable Recorder recorder_;
};

}  // namespace

void add_torchscript_layer(BuilderTable& table) {
  table["torchscript"] = layer_of<TorchScript>();
}

}  // namespace mcloss::nn
