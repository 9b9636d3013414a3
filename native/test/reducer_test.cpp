// Tests mcloss::distributed's reducer of gradients, over a group whose other process is a formula.

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>

#include "../distributed/distributed_error.h"
#include "../distributed/gradient_buckets.h"
#include "../distributed/gradient_reducer.h"

namespace mcloss::test {
namespace {

using distributed::BucketPlan;
using distributed::plan_buckets;

constexpr int64_t kBucket = 64 * sizeof(float);

void require(bool condition, const char* what) {
  if (condition) return;
  std::printf("failed: %s\n", what);
  std::exit(1);
}

// Of two processes this one, and one that has `other` times its tensors.
class PairOfProcesses final : public distributed::ProcessGroup {
 public:
  explicit PairOfProcesses(double other) : other_(other) {}

  struct Message {
    at::Tensor tensor;
    bool waited = false;
  };
  std::vector<Message> messages;
  bool is_gone = false;  // the other process: what is waited for throws
  int works = 0;         // that are kept

  int rank() const override { return 0; }
  int size() const override { return 2; }
  std::unique_ptr<distributed::Work> start_all_reduce(const at::Tensor& tensor,
                                                      distributed::Reduction) override {
    messages.push_back({tensor});
    return std::make_unique<Sent>(*this, messages.size() - 1);
  }
  void broadcast(const at::Tensor&, int) override {}
  at::Tensor pass_on(const at::Tensor& tensor) override { return tensor; }
  void barrier() override {}
  void destroy() override {}

 private:
  // Nothing of the other is there before it is waited for.
  class Sent final : public distributed::Work {
   public:
    Sent(PairOfProcesses& group, size_t message) : group_(group), message_(message) { ++group_.works; }
    ~Sent() override { --group_.works; }
    void wait() override {
      if (group_.is_gone) throw distributed::DistributedError("closed");
      auto& message = group_.messages[message_];
      message.tensor.mul_(1 + group_.other_);
      message.waited = true;
    }

   private:
    PairOfProcesses& group_;
    size_t message_;
  };

  double other_;
};

at::Tensor parameter(at::IntArrayRef sizes) {
  return torch::autograd::make_variable(at::ones(sizes), /*requires_grad=*/true);
}

void run_backward(const at::Tensor& loss) {
  const at::AutoGradMode enabled(true);
  torch::autograd::backward({loss}, {});
}

// The sum of `parameters`, each weighted by its place from 1, which is then its gradient.
at::Tensor weigh(const std::vector<at::Tensor>& parameters) {
  const at::AutoGradMode enabled(true);
  auto loss = at::zeros({});
  for (size_t i = 0; i < parameters.size(); ++i)
    loss = loss + parameters[i].sum() * static_cast<double>(i + 1);
  return loss;
}

bool is_all(const at::Tensor& tensor, double value) {
  return tensor.defined() && tensor.eq(value).all().item<bool>();
}

struct Trained {
  std::shared_ptr<PairOfProcesses> group;
  std::vector<at::Tensor> parameters;
  std::shared_ptr<distributed::GradientReducer> reducer;
};

Trained trained_of(std::vector<at::Tensor> parameters, double other = 2, bool compress = false) {
  auto group = std::make_shared<PairOfProcesses>(other);
  auto reducer = distributed::make_reducer(group, parameters, {kBucket / 2, kBucket, compress});
  return {std::move(group), std::move(parameters), std::move(reducer)};
}

std::vector<std::vector<size_t>> members_of(const std::vector<BucketPlan>& plan) {
  std::vector<std::vector<size_t>> members;
  for (const auto& bucket : plan) members.push_back(bucket.members);
  return members;
}

void buckets_are_planned_from_the_last_parameter() {
  const std::vector<at::Tensor> parameters{parameter({30}), parameter({40}), parameter({20}), parameter({9}),
                                           parameter({40})};
  const auto plan = plan_buckets(parameters, kBucket / 2, kBucket);
  require(members_of(plan) == std::vector<std::vector<size_t>>{{4}, {3, 2, 1}, {0}},
          "the first bucket is full with less, the last has the rest");
}

void a_gradient_as_large_as_a_bucket_is_alone() {
  const std::vector<at::Tensor> parameters{parameter({4}), parameter({64}), parameter({4}), parameter({99})};
  const auto plan = plan_buckets(parameters, kBucket / 2, kBucket);
  require(members_of(plan) == std::vector<std::vector<size_t>>{{3}, {1}, {2, 0}},
          "small gradients between large ones wait for one another");
  require(plan[0].is_alone && plan[1].is_alone && !plan[2].is_alone, "which are alone");
  const auto gaps =
      torch::autograd::make_variable(at::ones({64, 2}).select(1, 0).detach(), /*requires_grad=*/true);
  require(!plan_buckets({gaps}, kBucket / 2, kBucket)[0].is_alone, "one with gaps has to be copied");
}

void buckets_are_of_one_type_and_of_what_is_trained() {
  const auto fixed = at::ones({8});
  const auto half = torch::autograd::make_variable(at::ones({8}, at::kHalf), /*requires_grad=*/true);
  const auto plan = plan_buckets({parameter({8}), half, fixed, parameter({8})}, kBucket, kBucket);
  require(members_of(plan) == std::vector<std::vector<size_t>>{{3}, {1}, {0}}, "members");
}

void gradients_are_sums_that_are_sent_during_backward() {
  auto [group, parameters, reducer] = trained_of({parameter({4}), parameter({64}), parameter({4})});
  for (int step = 0; step < 2; ++step) {
    group->messages.clear();
    for (auto& one : parameters) one.mutable_grad().reset();
    reducer->begin();
    run_backward(weigh(parameters));
    require(group->messages.size() == 2, "all are sent before finish()");
    require(!group->messages[0].waited, "and nobody waits in backward");
    require(group->messages[0].tensor.const_data_ptr() == parameters[1].grad().const_data_ptr(),
            "the large one goes from where it is");
    reducer->finish();
    require(group->messages.size() == 2, "and nothing after");
    for (size_t i = 0; i < parameters.size(); ++i)
      require(is_all(parameters[i].grad(), 3.0 * static_cast<double>(i + 1)), "sums");
  }
}

void other_layouts_are_sent_in_the_parameters_order() {
  const auto like = at::ones({8, 4, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  const auto kernel = torch::autograd::make_variable(like, /*requires_grad=*/true);
  auto [group, parameters, reducer] = trained_of({kernel}, 0);
  const auto values = at::arange(128, at::kFloat).view({8, 4, 2, 2});
  parameters[0].mutable_grad() = values.clone();
  reducer->begin();
  reducer->finish();
  require(parameters[0].grad().strides() == like.strides(), "strides");
  require(parameters[0].grad().equal(values), "values");
  require(group->messages[0].tensor.equal(values.permute({0, 2, 3, 1}).flatten()), "what was sent");
}

void what_no_process_has_a_gradient_of_gets_none() {
  for (const double other : {0.0, 2.0}) {
    auto [group, parameters, reducer] = trained_of({parameter({4}), parameter({64}), parameter({4})}, other);
    // The last large one has no bucket after it but that of the small ones.
    reducer->begin();
    run_backward(parameters[2].sum());
    reducer->finish();
    require(is_all(parameters[2].grad(), 1 + other), "one that is used");
    require(!parameters[0].grad().defined() && !parameters[1].grad().defined(), "those that are not");
  }
}

// The other process has gradients of all.
void what_another_process_has_a_gradient_of_gets_it() {
  class AllUsed final : public distributed::ProcessGroup {
   public:
    int rank() const override { return 0; }
    int size() const override { return 2; }
    std::unique_ptr<distributed::Work> start_all_reduce(const at::Tensor& tensor,
                                                        distributed::Reduction) override {
      struct Done final : distributed::Work {
        void wait() override {}
      };
      tensor.detach().add_(5);
      return std::make_unique<Done>();
    }
    void broadcast(const at::Tensor&, int) override {}
    at::Tensor pass_on(const at::Tensor& tensor) override { return tensor; }
    void barrier() override {}
    void destroy() override {}
  };
  const std::vector<at::Tensor> parameters{parameter({64}), parameter({4})};
  const auto reducer =
      distributed::make_reducer(std::make_shared<AllUsed>(), parameters, {kBucket / 2, kBucket, false});
  reducer->begin();
  run_backward(parameters[1].sum());
  reducer->finish();
  require(is_all(parameters[0].grad(), 5) && is_all(parameters[1].grad(), 6), "of all");
}

void a_network_of_large_gradients_alone_says_what_is_used() {
  auto [group, parameters, reducer] = trained_of({parameter({64}), parameter({64})});
  reducer->begin();
  run_backward(parameters[0].sum());
  reducer->finish();
  require(group->messages.size() == 3, "a message more");
  require(is_all(parameters[0].grad(), 3) && !parameters[1].grad().defined(), "gradients");
}

void parameters_may_be_trained_later() {
  auto [group, parameters, reducer] = trained_of({parameter({4}), parameter({4})});
  parameters[0].set_requires_grad(false);
  reducer->begin();
  run_backward(parameters[1].sum());
  reducer->finish();
  require(!parameters[0].grad().defined() && is_all(parameters[1].grad(), 3), "frozen");
  parameters[0].set_requires_grad(true);
  parameters[1].mutable_grad().reset();
  reducer->begin();
  run_backward(weigh(parameters));
  reducer->finish();
  require(is_all(parameters[0].grad(), 3) && is_all(parameters[1].grad(), 6), "unfrozen");
}

void a_second_gradient_in_one_backward_is_refused() {
  auto [group, parameters, reducer] = trained_of({parameter({4})});
  reducer->begin();
  run_backward(parameters[0].sum());
  try {
    run_backward(parameters[0].sum());
    require(false, "an error");
  } catch (const std::exception&) {
    reducer->cancel();
  }
  parameters[0].mutable_grad().reset();
  reducer->begin();
  run_backward(parameters[0].sum());
  reducer->finish();
  require(is_all(parameters[0].grad(), 3), "after cancel() all goes on");
}

// As the connections are kept with it, for whose end the other processes wait.
void nothing_that_was_sent_is_kept_after_a_failure() {
  auto [group, parameters, reducer] = trained_of({parameter({4}), parameter({64}), parameter({64})});
  group->is_gone = true;
  reducer->begin();
  run_backward(weigh(parameters));
  try {
    reducer->finish();
    require(false, "an error");
  } catch (const distributed::DistributedError&) {
    require(group->messages.size() == 3 && group->works == 0, "no work");
  }
}

void gradients_that_somebody_holds_keep_their_values() {
  auto [group, parameters, reducer] = trained_of({parameter({4}), parameter({64})});
  std::vector<at::Tensor> held;
  for (int step = 0; step < 2; ++step) {
    for (auto& one : parameters) one.mutable_grad().reset();
    reducer->begin();
    run_backward(weigh(parameters) * (step + 1));
    reducer->finish();
    if (step == 0) {
      for (const auto& one : parameters) held.push_back(one.grad());
    }
  }
  require(is_all(held[0], 3) && is_all(held[1], 6), "those of the first step");
  require(is_all(parameters[0].grad(), 6) && is_all(parameters[1].grad(), 12), "those of the second");
}

void compressed_gradients_are_sent_in_half_the_bytes() {
  auto [group, parameters, reducer] = trained_of({parameter({4}), parameter({64})}, 2, /*compress=*/true);
  reducer->begin();
  run_backward(weigh(parameters));
  reducer->finish();
  for (const auto& [tensor, waited] : group->messages)
    require(tensor.scalar_type() == at::kBFloat16, "messages of bfloat16");
  require(is_all(parameters[0].grad(), 3) && is_all(parameters[1].grad(), 6), "sums");
  require(parameters[1].grad().scalar_type() == at::kFloat, "of float32");
}

void gradients_that_are_there_are_averaged() {
  const auto group = std::make_shared<PairOfProcesses>(2);
  const std::vector<at::Tensor> parameters{parameter({4}), parameter({64})};
  run_backward(weigh(parameters));
  const auto before = parameters[1].grad();
  distributed::average_gradients(group, parameters, {kBucket / 2, kBucket, false});
  require(is_all(parameters[0].grad(), 1.5) && is_all(parameters[1].grad(), 3), "means");
  require(is_all(before, 2), "what was there is as it was");
}

}  // namespace
}  // namespace mcloss::test

int main() {
  using namespace mcloss::test;
  const std::pair<const char*, void (*)()> tests[] = {
      {"buckets are planned from the last parameter", buckets_are_planned_from_the_last_parameter},
      {"a gradient as large as a bucket is alone", a_gradient_as_large_as_a_bucket_is_alone},
      {"buckets are of one type and of what is trained", buckets_are_of_one_type_and_of_what_is_trained},
      {"gradients are sums that are sent during backward", gradients_are_sums_that_are_sent_during_backward},
      {"other layouts are sent in the parameters' order", other_layouts_are_sent_in_the_parameters_order},
      {"what no process has a gradient of gets none", what_no_process_has_a_gradient_of_gets_none},
      {"what another process has a gradient of gets it", what_another_process_has_a_gradient_of_gets_it},
      {"a network of large gradients alone says what is used",
       a_network_of_large_gradients_alone_says_what_is_used},
      {"parameters may be trained later", parameters_may_be_trained_later},
      {"a second gradient in one backward is refused", a_second_gradient_in_one_backward_is_refused},
      {"nothing that was sent is kept after a failure", nothing_that_was_sent_is_kept_after_a_failure},
      {"gradients that somebody holds keep their values", gradients_that_somebody_holds_keep_their_values},
      {"compressed gradients are sent in half the bytes", compressed_gradients_are_sent_in_half_the_bytes},
      {"gradients that are there are averaged", gradients_that_are_there_are_averaged},
  };
  for (const auto& [name, test] : tests) {
    std::printf("%s\n", name);
    test();
  }
  std::printf("%zu tests of the reducer passed\n", std::size(tests));
}
