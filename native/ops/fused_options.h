#pragma once

namespace mcloss {

// What a fused pass computes.
struct FusedOptions {
  // The gradient is that of alpha * discriminality + beta * diversity.
  double alpha;
  double beta;
  // Cross-channel pooling: max (CCMP), or mean (CCAP).
  bool max_score;
  bool max_coverage;
  bool with_gradient;
};

}  // namespace mcloss
