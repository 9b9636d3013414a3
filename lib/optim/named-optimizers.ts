import type { AdamOptions } from "./optimizers/adam.js";
import { Optimizer, type ParameterGroup } from "./optimizer.js";
import type { RmspropOptions } from "./optimizers/rmsprop.js";
import type { SgdOptions } from "./optimizers/sgd.js";

/** Stochastic gradient descent with momentum (torch.optim.SGD with dampening 0), stepped by fused native kernels. */
export class SGD extends Optimizer {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<SgdOptions>[], options: SgdOptions) {
    super(groups, { ...options, type: "sgd" });
  }
}

/** Adam (Kingma & Ba 2015; torch.optim.Adam), stepped by fused native kernels. */
export class Adam extends Optimizer {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<AdamOptions>[], options: AdamOptions) {
    super(groups, { ...options, type: "adam" });
  }
}

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019; torch.optim.AdamW), stepped by fused native kernels. */
export class AdamW extends Optimizer {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<AdamOptions>[], options: AdamOptions) {
    super(groups, { ...options, type: "adamw" });
  }
}

/** RMSprop (torch.optim.RMSprop), in LibTorch's foreach operators. */
export class RMSprop extends Optimizer {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<RmspropOptions>[], options: RmspropOptions) {
    super(groups, { ...options, type: "rmsprop" });
  }
}
