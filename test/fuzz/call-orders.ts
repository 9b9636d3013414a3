import fc from "fast-check";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import {
  clipGradNorm,
  McLossError,
  Model,
  noGrad,
  SGD,
  smallResNet,
  tensor,
  Trainer,
  type ErrorCode,
  type Tensor,
} from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { clipGradValue, EMA, GradScaler } from "mutual-channel-loss/train";
import { fixedLoader } from "../support/fixed-loader.js";

/** What any order of calls may end in, beside success. */
const DOCUMENTED: readonly ErrorCode[] = [
  "ERR_BUSY",
  "ERR_DISPOSED",
  "ERR_ABORTED",
  "ERR_ARGUMENT",
  "ERR_DTYPE",
  "ERR_TORCH",
  "ERR_NAN_LOSS",
];

/** No program takes this long, however busy the machine is. */
const HANG_MS = 60_000;

const SIDE = 16;
const BATCH = {
  images: Float32Array.from({ length: 2 * 3 * SIDE * SIDE }, (_, i) => Math.sin(i)),
  shape: [3, SIDE, SIDE],
  labels: [0, 1],
};
const { spec } = smallResNet({ classes: 2, channelsPerClass: 2, inputSize: SIDE, width: 4 });

/** All that the calls of one program share with the training beside them. */
interface World {
  model: Model;
  other: Model;
  optimizer: SGD;
  scaler: GradScaler;
  ema: EMA;
  images: Tensor;
  parameters: Tensor[];
  copies: Record<string, Tensor>;
  /** What calls made: disposed in the end. */
  made: { dispose(): void }[];
  controller: AbortController;
}

type Call = (world: World, pick: number) => unknown;

const parameterOf = ({ parameters }: World, pick: number) => parameters[pick % parameters.length] as Tensor;

async function lossOf(world: World): Promise<Tensor> {
  const { features, logits } = await world.model.forward(world.images, { training: true });
  world.made.push(features, logits);
  return logits.square().mean();
}

/** Every call that a program can make, by name. */
export const CALLS = {
  readGrad: (world, pick) => parameterOf(world, pick).grad?.dispose(),
  computeWithGrad: (world, pick) => {
    using gradient = parameterOf(world, pick).grad;
    if (gradient) world.made.push(gradient.mul(2));
  },
  clearGrad: (world, pick) => {
    parameterOf(world, pick).grad = null;
  },
  copyGradient: async (world, pick) => (await parameterOf(world, pick).gradient())?.dispose(),
  gradients: async ({ model }) => {
    for (const gradient of Object.values(await model.gradients())) gradient?.dispose();
  },
  registerHook: (world, pick) => {
    const hook = parameterOf(world, pick).registerHook((gradient) => (pick % 2 ? gradient.mul(1) : null));
    world.made.push({ dispose: () => hook.remove() });
  },
  registerPostHook: (world, pick) => {
    const hook = parameterOf(world, pick).registerPostAccumulateGradHook((leaf) => leaf.grad?.dispose());
    world.made.push({ dispose: () => hook.remove() });
  },
  hookInHook: (world, pick) => {
    const parameter = parameterOf(world, pick);
    const hook = parameter.registerHook(() => {
      try {
        parameter.registerHook(() => null).remove();
      } catch (error) {
        if ((error as McLossError).code !== "ERR_BUSY") throw error;
      }
    });
    world.made.push({ dispose: () => hook.remove() });
  },
  freeze: ({ model }, pick) => void model.freeze(pick % 2 ? "layer1" : ""),
  unfreeze: ({ model }) => void model.unfreeze(),
  toFloat64: ({ model }) => model.to("float64"),
  toFloat32: ({ model }) => model.to("float32"),
  toContiguous: ({ model }) => model.to({ channelsLast: false }),
  loadStateDict: ({ model, copies }) => model.loadStateDict(copies),
  clipGradNorm: async ({ parameters }) => (await clipGradNorm(parameters, 1)).dispose(),
  clipGradValue: ({ parameters }) => clipGradValue(parameters, 1),
  scaleLoss: (world) => {
    using loss = tensor([1], { shape: [], requiresGrad: true });
    world.made.push(world.scaler.scale(loss));
  },
  unscale: async ({ scaler, parameters }) => (await scaler.unscale(parameters)).dispose(),
  updateScale: async ({ scaler }) => {
    using none = tensor([0], { shape: [] });
    await scaler.update(none);
  },
  scalerState: ({ scaler }) => scaler.state(),
  restoreScaler: ({ scaler }) => scaler.restore({ scale: 8, growthTracker: 1 }),
  updateEma: ({ ema }) => ema.update(),
  readEma: (world, pick) => {
    const { tensor } = world.ema.state()[pick % 4] as { tensor: Tensor };
    world.made.push(tensor.mul(1));
  },
  newEma: (world) => void world.made.push(new EMA(world.model)),
  computeWithParameter: (world, pick) => void world.made.push(parameterOf(world, pick).mul(2)),
  changeParameter: (world, pick) => noGrad(() => ops("aten::mul_.Scalar", parameterOf(world, pick), 0.99)),
  readParameter: (world, pick) => parameterOf(world, pick).data(),
  describeParameter: (world, pick) => [parameterOf(world, pick).shape, parameterOf(world, pick).dtype],
  changeImages: ({ images }) => noGrad(() => ops("aten::mul_.Scalar", images, 1)),
  resizeImages: (world) => {
    using scratch = world.images.clone();
    ops("aten::resize_", scratch, [1]);
  },
  predict: async (world) => {
    const { features, logits } = await world.model.forward(world.images, { training: false });
    world.made.push(features, logits);
  },
  predictOther: async (world) => {
    const { features, logits } = await world.other.forward(world.images, { training: false });
    world.made.push(features, logits);
  },
  backward: async (world) => {
    using loss = await lossOf(world);
    await loss.backward();
  },
  step: ({ optimizer }) => optimizer.step(),
  zeroGrad: ({ optimizer }) => optimizer.zeroGrad(),
  abort: ({ controller }) => controller.abort(),
  disposeParameter: (world, pick) => parameterOf(world, pick).dispose(),
  disposeOptimizer: ({ optimizer }) => optimizer.dispose(),
  disposeEma: ({ ema }) => ema.dispose(),
  disposeScaler: ({ scaler }) => scaler.dispose(),
  disposeModel: ({ model }) => model.dispose(),
} satisfies Record<string, Call>;

type CallName = keyof typeof CALLS;

/** Each user's calls, in order; whether it waits for what a call promises. */
type Program = { call: CallName; pick: number; awaits: boolean }[][];

const programs: fc.Arbitrary<Program> = fc.array(
  fc.array(
    fc.record({
      call: fc.constantFrom(...(Object.keys(CALLS) as CallName[])),
      pick: fc.nat({ max: 15 }),
      awaits: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  { minLength: 1, maxLength: 3 },
);

function makeWorld(): World {
  const model = new Model(spec, { seed: 1 });
  const parameters = model.parameters();
  return {
    model,
    other: new Model(spec, { seed: 2 }),
    optimizer: new SGD([{ parameters }], { learningRate: 0.01, momentum: 0.9 }),
    scaler: new GradScaler(),
    ema: new EMA(model),
    images: tensor(BATCH.images, { shape: [2, ...BATCH.shape] }),
    parameters,
    copies: Object.fromEntries(model.state().map(({ name, tensor }) => [name, tensor.clone()])),
    made: [],
    controller: new AbortController(),
  };
}

function endWorld(world: World): void {
  const { model, other, optimizer, scaler, ema, images, copies, made } = world;
  for (const each of [...made, images, ...Object.values(copies), ema, scaler, optimizer, other, model])
    each.dispose();
}

/** Settles when `work` does; an error that is not documented goes on. */
async function tolerate(work: () => unknown, codes: Map<string, number>): Promise<void> {
  let outcome = "done";
  try {
    await work();
  } catch (error) {
    if (!(error instanceof McLossError) || !DOCUMENTED.includes(error.code)) throw error;
    outcome = error.code;
  }
  codes.set(outcome, (codes.get(outcome) ?? 0) + 1);
}

async function train({ model, controller }: World): Promise<void> {
  const trainer = new Trainer(model, {
    epochs: 1000,
    loss: { alpha: 1.5, beta: 1 },
    optimizer: { type: "sgd", learningRate: 0.001 },
    ema: 0.9,
    onNan: "skip",
    accumulate: 2,
  });
  const events = trainer.fit(fixedLoader([BATCH, BATCH]), { signal: controller.signal });
  while (!(await events.next()).done);
}

/** Runs each user's calls beside a training, in an order that `scheduler` draws. */
async function runProgram(
  program: Program,
  scheduler: fc.Scheduler,
  codes: Map<string, number>,
): Promise<void> {
  const world = makeWorld();
  const pending: Promise<void>[] = [tolerate(() => train(world), codes)];
  const users = program.map(async (calls, user) => {
    for (const { call, pick, awaits } of calls) {
      await scheduler.schedule(Promise.resolve(), `${user}: ${call} ${pick}${awaits ? "" : ", not awaited"}`);
      const outcome = tolerate(() => CALLS[call](world, pick), codes);
      if (awaits) await outcome;
      else pending.push(outcome);
    }
  });
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the program hangs")), HANG_MS);
  });
  const all = async () => {
    await scheduler.waitFor(Promise.all(users));
    world.controller.abort();
    await Promise.all(pending);
  };
  try {
    await Promise.race([all(), hang]);
  } finally {
    clearTimeout(timer);
    world.controller.abort();
    endWorld(world);
  }
}

/**
 * Draws random programs of calls beside a running training: each must end, with success or documented errors.
 * @returns how often calls ended in what
 */
export async function fuzzCallOrders(options: {
  programs: number;
  seed: number;
  onProgram?: (done: number) => void;
}): Promise<Map<string, number>> {
  const codes = new Map<string, number>();
  let done = 0;
  const property = fc.asyncProperty(programs, fc.scheduler(), async (program, scheduler) => {
    await runProgram(program, scheduler, codes);
    done += 1;
    options.onProgram?.(done);
  });
  await fc.assert(property, { numRuns: options.programs, seed: options.seed, endOnFailure: false });
  return codes;
}

const START_WORKER = `import("tsx/esm/api").then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL("./call-orders-worker.ts", import.meta.url).href)});
});`;

/** Starts workers that run programs, one after another, and terminates each at a moment of its own. */
export async function terminateWorkers(options: { workers: number; seed: number }): Promise<void> {
  for (let i = 0; i < options.workers; i += 1) {
    const seed = options.seed + i;
    const worker = new Worker(START_WORKER, { eval: true, workerData: { seed } });
    await once(worker, "message");
    await delay((seed * 37) % 100);
    await worker.terminate();
  }
}
