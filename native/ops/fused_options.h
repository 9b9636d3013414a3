#pragma once

#include "diversity_over.h"

namespace mcloss {

// What a fused pass computes.
struct FusedOptions {
  // The gradient is that of alpha * discriminality + beta * diversity.
  double alpha;
  double beta;
  // Cross-channel pooling: max (CCMP), or mean (CCAP).
  bool max_score;
  bool max_coverage;
  DiversityOver diversity_over;
  bool with_gradient;
};

}  // namespace mcloss
