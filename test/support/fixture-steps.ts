import {
  Model,
  tensor,
  Trainer,
  type DataLoader,
  type ModelSpec,
  type TrainerOptions,
} from "mutual-channel-loss";
import { type StepEvent } from "mutual-channel-loss/train";

/** A network with a fixture's weights, float64. */
export async function modelWith(
  spec: ModelSpec,
  weights: Readonly<Record<string, number[]>>,
): Promise<Model> {
  const model = await new Model(spec).to("float64");
  const state = model.state().map(({ name, tensor: { shape } }) => {
    return [name, tensor(Float64Array.from(weights[name]!), { shape })] as const;
  });
  model.loadStateDict(Object.fromEntries(state));
  return model;
}

/** The steps of a training at a constant rate. */
export async function stepsOf(
  model: Model,
  loader: DataLoader,
  options: TrainerOptions,
): Promise<StepEvent[]> {
  using trainer = new Trainer(model, { schedule: { type: "constant" }, ...options });
  const steps: StepEvent[] = [];
  for await (const event of trainer.fit(loader)) if (event.type === "step") steps.push(event);
  return steps;
}
