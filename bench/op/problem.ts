import { ChannelGroups, tensor, type Device, type Tensor } from "mutual-channel-loss";
import { Generator, ops } from "mutual-channel-loss/tensor";

export interface Problem {
  shape: number[];
  groups: ChannelGroups;
  channelsLast: boolean;
  device: Device;
  threads: number;
}

const SHAPES = [
  [10, 600, 14, 14],
  [32, 2048, 14, 14],
  [64, 600, 7, 7],
  [16, 2048, 28, 28],
  [2, 2048, 14, 14],
  [4, 30, 7, 7],
];

/** 600 channels make 200 × 3; 2048 make 152 × 10 and 48 × 11; 30 make 10 × 3. */
export function listProblems(device: Device, threads: number): Problem[] {
  return SHAPES.flatMap((shape) => {
    const channels = shape[1] ?? 0;
    const groups = ChannelGroups.split(channels, Math.min(200, channels / 3));
    return [false, true].map((channelsLast) => ({ shape, groups, channelsLast, device, threads }));
  });
}

/** The time in ms: of the clock on the wall or, for a machine that is busy with other things, of the processor. */
export type Clock = "wall" | "processor";

function now(clock: Clock): number {
  if (clock === "wall") return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export interface Inputs {
  x: Tensor;
  labels: Tensor;
  mask: Tensor;
}

/** Makes the features in place: a block that is freed here would be used again, and hide a peak of memory. */
export function makeInputs({ shape, groups, channelsLast, device }: Problem): Inputs {
  const layout = channelsLast ? "channelsLast" : "contiguous";
  const drawn = ops("aten::empty.memory_format", shape, { memory_format: layout }) as Tensor;
  ops("aten::normal_", drawn, { generator: new Generator(1) });
  ops("aten::relu_", drawn);
  const labels = Int32Array.from({ length: shape[0] ?? 0 }, (_, i) => i % groups.classes);
  const mask = Uint8Array.from({ length: groups.channels }, (_, i) => Number(i % 3 !== 1));
  const x = drawn.to(device);
  drawn.dispose();
  return { x, labels: tensor(labels, { dtype: "int64", device }), mask: tensor(mask, { device }) };
}

/** Waits for all that the device was given, by reading a number from it. */
function synchronize(device: Device, scalar: Tensor): void {
  if (device !== "cpu") scalar.item();
}

/** One run of an operator: the time in ms, and the loss. Forward alone records nothing for a backward. */
export async function runOperator(
  operator: string,
  problem: Problem,
  inputs: Inputs,
  backward: boolean,
  clock: Clock = "wall",
) {
  const { blockClasses, blockChannels } = problem.groups.toLists();
  const { x, labels, mask } = inputs;
  const features = backward ? x.withGrad() : x.detach();
  const started = now(clock);
  const terms = ops(operator, features, labels, blockClasses, blockChannels, { mask }) as [Tensor, Tensor];
  if (backward) await terms[0].backward();
  synchronize(problem.device, terms[0]);
  const ms = now(clock) - started;
  const loss = terms[0].item();
  for (const used of [...terms, features.grad, features]) used?.dispose();
  return { ms, loss };
}

/** The floor: reads the features and writes as much to memory that is there already; in ms. */
export function makeCopy(
  { device }: Problem,
  { x, labels }: Inputs,
  clock: Clock = "wall",
): { run: () => number; dispose: () => void } {
  const target = ops("aten::zeros_like", x) as Tensor;
  const probe = labels.narrow(0, 0, 1);
  const run = () => {
    const started = now(clock);
    ops("aten::copy_", target, x);
    synchronize(device, probe);
    return now(clock) - started;
  };
  const dispose = () => [probe, target].forEach((made) => made.dispose());
  return { run, dispose };
}
