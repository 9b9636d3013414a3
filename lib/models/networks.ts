import { Registry } from "../definition.js";
import { adapterOptions } from "./adapter.js";
import * as all from "./networks/index.js";

const definitions = Object.values(all)
  .map(({ definition }) => definition)
  .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));

/** The networks by their names, with their options but for the classes. */
export const networks = new Registry(definitions, { tag: "name", common: adapterOptions });
