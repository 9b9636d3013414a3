#include <torch/library.h>

#include <string>

#include "mask.h"
#include "mc_loss.h"
#include "reference.h"

TORCH_LIBRARY(mcloss, library) {
  const std::string loss =
      "(Tensor features, Tensor labels, int[] block_classes, int[] block_channels, float alpha=1.5, float "
      "beta=20, "
      "Tensor? mask=None, int[] keep=[], bool per_sample=False, Generator? generator=None, str "
      "pooling=\"max\", "
      "str diversity_pooling=\"max\") -> (Tensor loss, Tensor discriminality, Tensor diversity)";
  library.def(("reference" + loss).c_str(), &mcloss::reference);
  library.def(("mc_loss" + loss).c_str(), &mcloss::mc_loss);
  library.def(
      "group_scores(Tensor features, int[] block_classes, int[] block_channels, str pooling=\"max\") -> "
      "Tensor",
      &mcloss::group_scores);
  library.def(
      "draw_mask(int[] block_classes, int[] block_channels, int[] keep, int rows, Device device, "
      "Generator? generator=None) -> Tensor",
      &mcloss::draw_mask);
}
