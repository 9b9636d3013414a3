import { defineMixing } from "./definition.js";

export const unmixed = defineMixing({
  name: "none",
  summary: "Leaves a batch as it is, so that not every one is mixed",
  options: {},
  draw: () => ({ share: 1 }),
});
