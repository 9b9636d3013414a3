#include <torch/library.h>

#include <string>

#include "fused_meta.h"
#include "mask.h"
#include "mc_loss.h"
#include "reference.h"

TORCH_LIBRARY(mcloss, library) {
  const std::string loss =
      "(Tensor features, Tensor labels, int[] block_classes, int[] block_channels, float alpha=1.5, float "
      "beta=20, Tensor? mask=None, int[] keep=[], bool per_sample=False, Generator? generator=None, str "
      "pooling=\"max\", str diversity_pooling=\"max\", str diversity_over=\"classes\") -> (Tensor loss, "
      "Tensor discriminality, Tensor "
      "diversity)";
  library.def(("reference" + loss).c_str(), &mcloss::reference);
  library.def(("mc_loss" + loss).c_str());
  library.def(
      "group_scores(Tensor features, int[] block_classes, int[] block_channels, str pooling=\"max\") -> "
      "Tensor",
      &mcloss::group_scores);
  library.def(
      "draw_mask(int[] block_classes, int[] block_channels, int[] keep, int rows, Device device, "
      "Generator? generator=None) -> Tensor",
      &mcloss::draw_mask);

  // What mc_loss is made of; each device has its own.
  library.def(
      "fused(Tensor features, Tensor labels, Tensor mask, int[] block_classes, int[] block_channels, float "
      "alpha, float beta, Tensor? weights, str pooling, str diversity_pooling, str diversity_over, bool "
      "with_gradient) -> "
      "(Tensor loss, Tensor discriminality, Tensor diversity, Tensor gradient, Tensor scores)");
  library.def(
      "draw_mask_(Tensor(a!) mask, int[] block_classes, int[] block_channels, int[] keep, Generator? "
      "generator) -> Tensor(a!)");
  library.def("scale_gradient_(Tensor(a!) gradient, Tensor scale) -> Tensor(a!)");
}

TORCH_LIBRARY_IMPL(mcloss, CompositeExplicitAutograd, library) {
  library.impl("mc_loss", &mcloss::mc_loss_forward);
  library.impl("draw_mask_", &mcloss::fill_mask_composite);
}

TORCH_LIBRARY_IMPL(mcloss, Autograd, library) {
  library.impl("mc_loss", &mcloss::mc_loss_autograd);
}

TORCH_LIBRARY_IMPL(mcloss, AutocastCPU, library) {
  library.impl("mc_loss", &mcloss::mc_loss_autocast);
}

TORCH_LIBRARY_IMPL(mcloss, AutocastCUDA, library) {
  library.impl("mc_loss", &mcloss::mc_loss_autocast);
}

TORCH_LIBRARY_IMPL(mcloss, Meta, library) {
  library.impl("fused", &mcloss::fused_meta);
}
