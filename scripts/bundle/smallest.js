// argv: DEVICE; every kernel once on the smallest shapes that take all its paths, forward and backward, for compute-sanitizer,
// which is a thousand times slower than the GPU alone. Each loss is compared with the reference form in float64.
import { ChannelGroups, mcLoss, tensor } from "mutual-channel-loss";
import { Generator, ops, randn } from "mutual-channel-loss/tensor";

const [, , device = "cpu"] = process.argv;
const GROUPS = {
  uniform: ChannelGroups.uniform(2, 3),
  uneven: ChannelGroups.blocks([
    { classes: 2, channels: 1 },
    { classes: 1, channels: 5 },
  ]),
};
/** By dtype: what the loss may be off, relative to its size above 1. */
const TOLERANCES = { float32: 1e-5, float64: 1e-12, bfloat16: 2e-2, float16: 3e-3 };
let checked = 0;

async function lossOf(x, labels, options) {
  const input = x.detach().withGrad();
  const { loss } = mcLoss(input, labels, options);
  await loss.backward();
  const gradient = await (await input.gradient()).to("float64").to("cpu").data();
  return { loss: (await loss.to("float64").data())[0], gradient };
}

async function check(dtype, groups, options) {
  const generator = new Generator(7);
  const values = randn([2, groups.channels, 3, 2], { generator }).to(dtype);
  const labels = tensor(Int32Array.of(1, 0), { dtype: "int64" });
  const mask = tensor(Uint8Array.from({ length: groups.channels }, (_, i) => Number(i % 3 !== 1)));
  const all = { groups, alpha: 1.5, beta: 20, mask, ...options };
  const wanted = await lossOf(values.to("float64"), labels, all);
  const got = await lossOf(values.to(device), labels.to(device), { ...all, mask: mask.to(device) });
  const tolerance = TOLERANCES[dtype];
  const off = Math.abs(got.loss - wanted.loss) / Math.max(1, Math.abs(wanted.loss));
  const furthest = wanted.gradient.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - got.gradient[i])),
    0,
  );
  if (!(off <= tolerance) || !(furthest <= 20 * tolerance)) {
    const what = `${dtype} ${JSON.stringify(options)}`;
    throw new Error(`${what}: the loss is off by ${off}, its gradient by ${furthest}`);
  }
  checked += 1;
}

for (const groups of Object.values(GROUPS)) {
  for (const dtype of Object.keys(TOLERANCES)) {
    for (const pooling of ["max", "mean"]) await check(dtype, groups, { pooling });
  }
}
const pixels = tensor(Uint8Array.from({ length: 2 * 4 * 5 * 3 }, (_, i) => i)).view([2, 4, 5, 3]);
const mean = [0.5, 0.5, 0.5];
const images = ops(
  "mcloss::prepare_images",
  pixels.to(device),
  [3, 4],
  mean,
  mean,
  null,
  mean,
  null,
  mean,
  "float32",
);
if (!Number.isFinite((await images.sum().to("float64").data())[0]))
  throw new Error("the images are not finite");
console.log(`${checked} losses and a batch of images on ${device}`);
