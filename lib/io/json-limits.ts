/** How much JSON of a stranger may hold; what is beyond is refused before it is parsed. */
export interface JsonLimits {
  /** Of objects and lists within one another. */
  depth: number;
  /** Of objects and lists together. */
  containers: number;
  /** Of values. */
  values: number;
}

/** Which limit a text breaks, in words; undefined where it breaks none. */
export function brokenLimit(json: string, limits: JsonLimits): string | undefined {
  let depth = 0;
  let containers = 0;
  let values = 1;
  for (let i = 0; i < json.length; i += 1) {
    switch (json[i]) {
      case '"':
        i = endOfString(json, i) - 1;
        break;
      case "{":
      case "[":
        depth += 1;
        containers += 1;
        values += 1;
        if (depth > limits.depth) return `more than ${limits.depth} levels`;
        if (containers > limits.containers) return `more than ${limits.containers} objects and lists`;
        break;
      case "}":
      case "]":
        depth -= 1;
        break;
      case ",":
        values += 1;
        if (values > limits.values) return `more than ${limits.values} values`;
        break;
    }
  }
  return undefined;
}

/** Behind the string that starts with the quote at `start`; behind the text where it does not end. */
export function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i + 1;
}
