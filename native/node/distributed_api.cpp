#include "distributed_api.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <sstream>

#include "../distributed/shared_state.h"

namespace mcloss::node {
namespace {

using distributed::Reduction;

Reduction reduction_of(const std::string& name) {
  if (name == "min") return Reduction::kMin;
  return name == "max" ? Reduction::kMax : Reduction::kSum;
}

std::string described(const std::string& call, const at::Tensor& tensor) {
  std::ostringstream text;
  text << call << " of " << dtype_name(tensor.scalar_type()) << " " << tensor.sizes();
  return text.str();
}

// Lets `work` change a contiguous tensor in the place of one that may not be.
template <class Work>
void change(const at::Tensor& tensor, const Work& work) {
  if (tensor.numel() == 0) return;
  const at::NoGradGuard no_grad;
  const auto dense = tensor.contiguous();
  work(dense);
  // Where it is the tensor itself, this counts the change.
  tensor.copy_(dense);
}

}  // namespace

distributed::StoreOptions From<distributed::StoreOptions>::take(Capture& capture, const Napi::Value& value,
                                                                std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<std::optional<std::string>>("file").value_or(""),
          fields.get<std::optional<std::string>>("host").value_or(""),
          static_cast<uint16_t>(fields.get<std::optional<int64_t>>("port").value_or(0)),
          fields.get<std::optional<bool>>("serve").value_or(false),
          fields.get<std::optional<std::string>>("listen").value_or(""),
          static_cast<int>(fields.get<int64_t>("worldSize")),
          fields.get<std::chrono::milliseconds>("timeout")};
}

NewGroup From<NewGroup>::take(Capture& capture, const Napi::Value& value, std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<std::string>("backend"),
          {fields.get<std::string>("prefix"), static_cast<int>(fields.get<int64_t>("rank")),
           static_cast<int>(fields.get<int64_t>("worldSize")),
           fields.get<std::optional<std::string>>("address").value_or(""),
           fields.get<std::chrono::milliseconds>("timeout")}};
}

distributed::ReducerOptions From<distributed::ReducerOptions>::take(Capture& capture,
                                                                    const Napi::Value& value,
                                                                    std::string_view argument) {
  const Fields fields(capture, value, argument);
  return {fields.get<int64_t>("firstBucketBytes"), fields.get<int64_t>("bucketBytes"),
          fields.get<bool>("compress")};
}

StorePointer connect_store(const distributed::StoreOptions& options) {
  return distributed::connect_store(options);
}

void store_set(const StorePointer& store, const std::string& key, const std::string& value) {
  store->set(key, value);
}

std::string store_get(const StorePointer& store, const std::string& key, std::chrono::milliseconds timeout) {
  return store->get(key, timeout);
}

bool store_has(const StorePointer& store, const std::string& key) {
  return store->has(key);
}

int64_t store_add(const StorePointer& store, const std::string& key, int64_t amount) {
  return store->add(key, amount);
}

GroupPointer create_group(const StorePointer& store, const NewGroup& group) {
  return group.backend == "nccl" ? distributed::make_nccl_group(store, group.options)
                                 : distributed::make_gloo_group(store, group.options);
}

void all_reduce(const GroupPointer& group, const Written& tensor, const std::string& reduction) {
  distributed::require_same(*group, described("allReduce (" + reduction + ")", tensor.tensor));
  change(tensor.tensor, [&](at::Tensor dense) {
    if (reduction == "mean") dense.div_(group->size());
    group->all_reduce(dense, reduction_of(reduction));
  });
}

void broadcast(const GroupPointer& group, const Written& tensor, int64_t from) {
  const auto call = "broadcast (from " + std::to_string(from) + ")";
  distributed::require_same(*group, described(call, tensor.tensor));
  change(tensor.tensor, [&](const at::Tensor& dense) {
    const auto bytes = dense.view({-1}).view(at::kByte);
    group->broadcast(bytes, static_cast<int>(from));
  });
}

at::Tensor all_gather(const GroupPointer& group, const at::Tensor& tensor) {
  distributed::require_same(*group, described("allGather", tensor));
  return distributed::all_gather(*group, tensor);
}

void barrier(const GroupPointer& group) {
  distributed::require_same(*group, "barrier");
  group->barrier();
}

void destroy_group(const GroupPointer& group) {
  group->destroy();
}

std::vector<double> sum_numbers(const GroupPointer& group, const std::vector<double>& numbers) {
  const auto sums = at::tensor(numbers, at::kDouble);
  if (!numbers.empty()) group->all_reduce(sums, Reduction::kSum);
  return {sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + sums.numel()};
}

std::vector<std::string> gather_texts(const GroupPointer& group, const std::string& text) {
  const auto lengths =
      distributed::all_gather(*group, at::tensor(static_cast<int64_t>(text.size()), at::kLong));
  const auto longest = lengths.max().item<int64_t>();
  const auto own = at::zeros({longest}, at::kByte);
  std::copy(text.begin(), text.end(), own.mutable_data_ptr<uint8_t>());
  const auto all = distributed::all_gather(*group, own);
  std::vector<std::string> texts;
  for (int rank = 0; rank < group->size(); ++rank) {
    const auto* begin = all.const_data_ptr<uint8_t>() + rank * longest;
    texts.emplace_back(begin, begin + lengths[rank].item<int64_t>());
  }
  return texts;
}

void broadcast_tensors(const GroupPointer& group, const std::vector<Written>& tensors) {
  distributed::broadcast_all(*group, tensors_of(tensors));
}

std::vector<int64_t> find_differences(const GroupPointer& group, const std::vector<at::Tensor>& tensors) {
  return distributed::find_differences(*group, tensors);
}

void average_gradients(const GroupPointer& group, const std::vector<Written>& parameters,
                       const distributed::ReducerOptions& options) {
  std::string sizes;
  const auto tensors = tensors_of(parameters);
  for (const auto& tensor : tensors) sizes += described(" ", tensor);
  distributed::require_same(*group, "averageGradients of" + sizes);
  distributed::average_gradients(group, tensors, options);
}

std::shared_ptr<distributed::GradientReducer> create_reducer(const GroupPointer& group,
                                                             const std::vector<Written>& parameters,
                                                             const distributed::ReducerOptions& options) {
  return distributed::make_reducer(group, tensors_of(parameters), options);
}

void set_batch_norm_group(const ModelPointer& model, const std::optional<GroupPointer>& group) {
  model->set_batch_norm_group(group.value_or(nullptr));
}

}  // namespace mcloss::node
