#pragma once

#include <memory>
#include <string>

#include "../distributed/gradient_reducer.h"
#include "../distributed/process_group.h"
#include "from_script.h"
#include "model_api.h"
#include "to_script.h"

namespace mcloss::node {

using StorePointer = std::shared_ptr<distributed::Store>;
using GroupPointer = std::shared_ptr<distributed::ProcessGroup>;

template <>
struct From<std::chrono::milliseconds> {
  static std::chrono::milliseconds take(Capture& capture, const Napi::Value& value,
                                        std::string_view argument) {
    return std::chrono::milliseconds(From<int64_t>::take(capture, value, argument));
  }
};
template <>
struct From<distributed::StoreOptions> {
  static distributed::StoreOptions take(Capture& capture, const Napi::Value& value,
                                        std::string_view argument);
};

// A group's options, with its backend's name.
struct NewGroup {
  std::string backend;
  distributed::GroupOptions options;
};
template <>
struct From<NewGroup> {
  static NewGroup take(Capture& capture, const Napi::Value& value, std::string_view argument);
};

template <>
struct From<distributed::ReducerOptions> {
  static distributed::ReducerOptions take(Capture& capture, const Napi::Value& value,
                                          std::string_view argument);
};

StorePointer connect_store(const distributed::StoreOptions& options);
void store_set(const StorePointer& store, const std::string& key, const std::string& value);
std::string store_get(const StorePointer& store, const std::string& key, std::chrono::milliseconds timeout);
bool store_has(const StorePointer& store, const std::string& key);
int64_t store_add(const StorePointer& store, const std::string& key, int64_t amount);

GroupPointer create_group(const StorePointer& store, const NewGroup& group);
// `reduction` is "sum", "mean", "min" or "max". These first see that all processes call the same.
void all_reduce(const GroupPointer& group, const Written& tensor, const std::string& reduction);
void broadcast(const GroupPointer& group, const Written& tensor, int64_t from);
at::Tensor all_gather(const GroupPointer& group, const at::Tensor& tensor);
void barrier(const GroupPointer& group);
void destroy_group(const GroupPointer& group);

// The sums over the processes.
std::vector<double> sum_numbers(const GroupPointer& group, const std::vector<double>& numbers);
// The texts of the processes, by rank.
std::vector<std::string> gather_texts(const GroupPointer& group, const std::string& text);
// Gives all processes the tensors of rank 0.
void broadcast_tensors(const GroupPointer& group, const std::vector<Written>& tensors);
// The positions of those that are not the same on all processes.
std::vector<int64_t> find_differences(const GroupPointer& group, const std::vector<at::Tensor>& tensors);
// Makes the gradients of parameters the mean over the processes.
void average_gradients(const GroupPointer& group, const std::vector<Written>& parameters,
                       const distributed::ReducerOptions& options);
std::shared_ptr<distributed::GradientReducer> create_reducer(const GroupPointer& group,
                                                             const std::vector<Written>& parameters,
                                                             const distributed::ReducerOptions& options);
// See nn::Model.
void set_batch_norm_group(const ModelPointer& model, const std::optional<GroupPointer>& group);

}  // namespace mcloss::node
