import { defineSchedule, warmUp } from "./definition.js";

export const constant = defineSchedule({
  name: "constant",
  summary: "The full rate throughout",
  options: { ...warmUp },
  factor: () => 1,
});
