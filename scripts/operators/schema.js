// Reads schemas as PyTorch writes them: "aten::sum.dim_IntList(Tensor self, int[1]? dim, *, ...) -> Tensor".

/** { name, base, text, arguments: [{ name, type, default, keywordOnly }], results: [{ name, type }] } */
export function parseSchema(full) {
  const [, name, inner, returned] = /^aten::([\w.]+)\((.*)\) -> (.*)$/.exec(full);
  return {
    name,
    base: name.split(".")[0],
    text: full.slice("aten::".length),
    arguments: parseArguments(withoutAliases(inner)),
    results: parseResults(withoutAliases(returned)),
  };
}

function parseArguments(text) {
  const pieces = splitTopLevel(text);
  const star = pieces.indexOf("*");
  return pieces.flatMap((piece, i) =>
    i === star ? [] : [{ ...parseArgument(piece), keywordOnly: star >= 0 && i > star }],
  );
}

function parseArgument(piece) {
  const [, type, name, value] = /^(\S+) (\w+)(?:=(.*))?$/.exec(piece);
  return { name, type, default: value };
}

function parseResults(text) {
  const several = /^\((.*)\)$/.exec(text);
  return splitTopLevel(several ? several[1] : text).map((piece) => {
    const [type, name] = piece.split(" ");
    return { type, name };
  });
}

// Which arguments share memory, as in Tensor(a) or Tensor(a -> *), is nothing that types can say.
function withoutAliases(text) {
  return text.replace(/Tensor\(a[^)]*\)/g, "Tensor");
}

function splitTopLevel(text) {
  return text === "" ? [] : text.split(/, (?![^[]*\])/);
}
