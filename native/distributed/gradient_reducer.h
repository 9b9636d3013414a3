#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "process_group.h"

namespace mcloss::distributed {

struct ReducerOptions {
  // Of the gradients that backward has first, so that sending begins early, and of the others. A gradient
  // that is as large is sent alone, from where it is.
  int64_t first_bucket_bytes = 1 << 20;
  int64_t bucket_bytes = 1 << 20;
  bool compress = false;  // sends bfloat16
};

// Makes gradients their sum over a group's processes, in buckets that are sent while backward still makes
// others. All processes must have the same parameters, of which the same ones are trained.
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;

  virtual const std::shared_ptr<ProcessGroup>& group() const = 0;
  // Sends the gradients of the backward that follows, with what they were added to.
  virtual void begin() = 0;
  // Sends the rest, waits, and gives each parameter the sum; one that no process has a gradient of gets none.
  virtual void finish() = 0;
  // In the place of finish(), after a backward that failed.
  virtual void cancel() = 0;
};

// `parameters` are in the order in which forward uses them.
std::shared_ptr<GradientReducer> make_reducer(std::shared_ptr<ProcessGroup> group,
                                              std::vector<at::Tensor> parameters,
                                              const ReducerOptions& options);

// Makes gradients that are there already their mean over the processes.
void average_gradients(const std::shared_ptr<ProcessGroup>& group, const std::vector<at::Tensor>& parameters,
                       const ReducerOptions& options);

}  // namespace mcloss::distributed
