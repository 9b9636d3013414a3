#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace mcloss::distributed {

// Which gradients are sent together.
struct BucketPlan {
  std::vector<size_t> members;  // of the parameters
  bool is_alone = false;        // one gradient, which is sent from where it is rather than from a copy
};

// The buckets in the order in which they are sent, which all processes share. It depends on nothing but the
// parameters: the same in every step and after a resume, so that sums round alike. Small gradients between
// large ones wait for one another. Parameters that are not trained are in none.
std::vector<BucketPlan> plan_buckets(const std::vector<at::Tensor>& parameters, int64_t first_bucket_bytes,
                                     int64_t bucket_bytes);

}  // namespace mcloss::distributed
