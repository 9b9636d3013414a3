#include "gradient_buckets.h"

#include <utility>

namespace mcloss::distributed {
namespace {

bool are_alike(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.device() == b.device();
}

}  // namespace

std::vector<BucketPlan> plan_buckets(const std::vector<at::Tensor>& parameters, int64_t first_bucket_bytes,
                                     int64_t bucket_bytes) {
  std::vector<BucketPlan> buckets;
  BucketPlan open;
  int64_t bytes = 0, limit = first_bucket_bytes;
  const auto close = [&] {
    if (open.members.empty()) return;
    buckets.push_back(std::exchange(open, {}));
    bytes = 0;
    limit = bucket_bytes;
  };
  // Backward goes about the other way than forward.
  for (size_t i = parameters.size(); i-- > 0;) {
    const auto& parameter = parameters[i];
    if (!parameter.requires_grad()) continue;
    const auto size = static_cast<int64_t>(parameter.nbytes());
    if (size >= bucket_bytes && parameter.is_non_overlapping_and_dense()) {
      buckets.push_back({{i}, /*is_alone=*/true});
      continue;
    }
    if (!open.members.empty() && !are_alike(parameters[open.members[0]], parameter)) close();
    open.members.push_back(i);
    bytes += size;
    if (bytes >= limit) close();
  }
  close();
  return buckets;
}

}  // namespace mcloss::distributed
