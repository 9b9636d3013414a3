#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "../distributed/process_group.h"

namespace mcloss::train {

// Draws each image's vector to its class's center (Wen et al., ECCV 2016).
struct CenterTerm {
  double weight = 0;
  double rate = 0;     // at which the centers follow the vectors
  std::string layer;   // whose output [N, D] is the vectors; none: the features' global average
  at::Tensor centers;  // [K, D]
  bool operator==(const CenterTerm& other) const {
    return weight == other.weight && rate == other.rate && layer == other.layer &&
           centers.is_same(other.centers);
  }
};

// Half the squared distance to the class's center, mean over the batch (equation 2 over N). Differentiable in
// `vectors` [N, D] alone.
at::Tensor center_loss(const at::Tensor& vectors, const at::Tensor& labels, const at::Tensor& centers);

// Moves the centers of the classes in the batch (equations 3 and 4), unless `skip`, a boolean scalar on their
// device, is set. With a group the batch is that of all its processes, and one that skips is all.
void move_centers(const CenterTerm& term, const at::Tensor& vectors, const at::Tensor& labels,
                  const at::Tensor& skip, distributed::ProcessGroup* group);

}  // namespace mcloss::train
