import { checkList, checkRecord } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StateEntry } from "./load-state.js";
import { matches, select, type NamePattern } from "./names.js";

/** Parameters by name, with what an optimizer does differently for them. */
export type PatternGroup<Options extends object> = Options & { pattern: NamePattern };

/** What optimizers take: parameters, and options of their own. */
export type NamedGroup<Options extends object> = Partial<Omit<Options, "pattern">> & { parameters: Tensor[] };

/** Every parameter in exactly one group; see Model.parameterGroups. */
export function groupParameters<Options extends object>(
  parameters: readonly StateEntry[],
  groups: readonly PatternGroup<Options>[],
): NamedGroup<Options>[] {
  checkList("groups", groups, "{ pattern } with options");
  let rest = parameters;
  const named = groups.map((group, index) => {
    checkRecord(`groups[${index}]`, group, "{ pattern } with an optimizer's options");
    const { pattern, ...options } = group;
    const argument = `groups[${index}].pattern`;
    select(parameters, pattern, argument);
    const own = rest.filter(({ name }) => matches(pattern, name));
    if (own.length === 0) {
      throw invalidArgument(argument, `(${String(pattern)}) matches only parameters of the groups before it`);
    }
    rest = rest.filter((entry) => !own.includes(entry));
    return { ...(options as object), parameters: own.map(({ tensor }) => tensor) };
  });
  const left = rest.map(({ tensor }) => tensor);
  return [...named, ...(left.length > 0 ? [{ parameters: left }] : [])] as NamedGroup<Options>[];
}
