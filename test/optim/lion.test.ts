import { expect } from "chai";
import { tensor, type Tensor } from "mutual-channel-loss";
import { changeRecipe, Optimizer } from "mutual-channel-loss/train";
import { patchOfFlags } from "#lib/cli/recipe-flags.js";
import { DEFAULT_RECIPE } from "#lib/recipes/default-recipe.js";
import { optimFixture as fixture } from "../support/optim-fixture.js";

interface Options {
  learningRate: number;
  betas: readonly [number, number];
  weightDecay: number;
}

/** Algorithm 2 of Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", in float64. */
function lion({ learningRate, betas: [beta1, beta2], weightDecay }: Options, steps: number): number[] {
  const parameters = [...fixture.start];
  const average = parameters.map(() => 0);
  for (const gradients of fixture.gradients.slice(0, steps)) {
    for (const [i, gradient] of gradients.entries()) {
      const update = Math.sign(beta1 * average[i]! + (1 - beta1) * gradient);
      parameters[i]! -= learningRate * (update + weightDecay * parameters[i]!);
      average[i] = beta2 * average[i]! + (1 - beta2) * gradient;
    }
  }
  return parameters;
}

async function setGradient(parameter: Tensor, step: number): Promise<void> {
  parameter.grad = null;
  await parameter
    .mul(tensor(Float64Array.from(fixture.gradients[step]!)))
    .sum()
    .backward();
}

const start = () => tensor(Float64Array.from(fixture.start), { requiresGrad: true });
const numbers = async (value: Tensor) => Array.from(await value.data(), Number);

describe("Lion against its algorithm over 20 steps (float64, 1e-12)", () => {
  const given: Options[] = [
    { learningRate: 1e-3, betas: [0.9, 0.99], weightDecay: 0 },
    { learningRate: 0.05, betas: [0.95, 0.98], weightDecay: 0.1 },
    { learningRate: 0.1, betas: [0, 0], weightDecay: 1 },
  ];
  for (const options of given) {
    it(JSON.stringify(options), async () => {
      const parameter = start();
      using optimizer = new Optimizer([{ parameters: [parameter] }], { type: "lion", ...options });
      for (let step = 0; step < fixture.gradients.length; step += 1) {
        await setGradient(parameter, step);
        await optimizer.step();
        const expected = lion(options, step + 1);
        for (const [i, value] of (await numbers(parameter)).entries()) {
          expect(value).to.be.closeTo(expected[i]!, 1e-12);
        }
      }
      expect(optimizer.state().map(({ name }) => name)).to.deep.equal(["exp_avg"]);
    });
  }

  it("passes a step over where the gradients are not finite", async () => {
    const parameter = start();
    using optimizer = new Optimizer([{ parameters: [parameter] }], { type: "lion", learningRate: 0.1 });
    await setGradient(parameter, 0);
    await optimizer.step();
    const before = await numbers(parameter);
    const [state] = optimizer.state();
    const average = await numbers(state!.tensor);
    await setGradient(parameter, 1);
    await optimizer.step({ foundInf: tensor([1]).reshape([]) });
    expect(await numbers(parameter)).to.deep.equal(before);
    expect(await numbers(state!.tensor)).to.deep.equal(average);
  });

  it("is a choice of the command line's, with its defaults", () => {
    const { optimizer } = changeRecipe(DEFAULT_RECIPE, patchOfFlags(DEFAULT_RECIPE, { optimizer: "lion" }));
    expect(optimizer).to.deep.equal({ type: "lion", learningRate: 0.05 });
  });
});
