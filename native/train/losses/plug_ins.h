#pragma once

#include "plug_in.h"

namespace mcloss::train {

// torch.nn.functional.cross_entropy
at::Tensor plain_cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

// Each is said in the file of its name.
at::Tensor class_priors(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm& term);
at::Tensor pairwise_confusion(const ClassifierOutput& output, const at::Tensor& labels,
                              const PlugInTerm& term);
at::Tensor gradient_boosting(const ClassifierOutput& output, const at::Tensor& labels,
                             const PlugInTerm& term);
at::Tensor arc_face(const ClassifierOutput& output, const at::Tensor& labels, const PlugInTerm& term);
at::Tensor supervised_contrastive(const ClassifierOutput& output, const at::Tensor& labels,
                                  const PlugInTerm& term);
at::Tensor channel_drop_block(const at::Tensor& features, const PlugInTerm& term);

}  // namespace mcloss::train
