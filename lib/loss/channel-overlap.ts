import type { Tensor } from "../tensor/tensor.js";

/** The share of its maximum that a channel has at the places that it covers (CAM, Zhou et al. 2016). */
const COVERED = 0.2;

/**
 * @param maps [M, ξ, P]
 * @returns for each of the M images the mean over pairs of which one channel covers something, and 1; or 0 and 0
 */
export function meanIou(maps: Tensor): { mean: Tensor; counted: Tensor } {
  const threshold = maps.amax(2, { keepdim: true }).mul(COVERED);
  const covered = maps.ge(threshold).logicalAnd(maps.gt(0)).to(maps.dtype);
  const shared = covered.bmm(covered.transpose(1, 2));
  const areas = covered.sum(2);
  const union = areas.unsqueeze(2).add(areas.unsqueeze(1)).sub(shared);
  const pairs = union.gt(0).to(maps.dtype).triu(1);
  const sum = shared.div(union.clampMin(1)).mul(pairs).sum([1, 2]);
  const count = pairs.sum([1, 2]);
  return { mean: sum.div(count.clampMin(1)), counted: count.gt(0).to(maps.dtype) };
}

/** @param maps [M, ξ, P], not negative @returns [M] mean cosine of the pairs of channels */
export function meanCosine(maps: Tensor): Tensor {
  const [, channels = 0] = maps.shape;
  const unit = maps.div(maps.norm(2, 2, { keepdim: true }));
  const pairs = (channels * (channels - 1)) / 2;
  return unit.bmm(unit.transpose(1, 2)).triu(1).sum([1, 2]).div(pairs);
}
