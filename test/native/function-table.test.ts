import { expect } from "chai";
import { readFileSync } from "node:fs";
import ts from "typescript";
import { native } from "#lib/native/binding.js";

interface NativeFunction {
  signature: string;
  promise: boolean;
}

/** The functions of the interface Binding, written as native/node/function_table.cpp writes them. */
function bindingFunctions(): NativeFunction[] {
  const file = "lib/native/binding.ts";
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const binding = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === "Binding",
  ) as ts.InterfaceDeclaration;
  return binding.members.filter(ts.isMethodSignature).map((method) => {
    const parameters = method.parameters.map(
      ({ name, questionToken }) => name.getText() + (questionToken ? "?" : ""),
    );
    return {
      signature: `${method.name.getText()}(${parameters.join(", ")})`,
      promise: method.type?.getText().startsWith("Promise<") ?? false,
    };
  });
}

describe("the table of native functions", () => {
  it("is what binding.ts declares: names, parameters and which of them are jobs", () => {
    const addon = native() as unknown as { functions(): NativeFunction[] };
    const bySignature = (a: NativeFunction, b: NativeFunction) => a.signature.localeCompare(b.signature);
    expect(bindingFunctions().sort(bySignature)).to.deep.equal(addon.functions().sort(bySignature));
  });

  it("names the argument that is of another kind than it takes", () => {
    const addon = native() as unknown as Record<string, (...args: unknown[]) => unknown>;
    expect(() => addon["forward"]?.({}, {}, 0, [])).to.throw("model must be a Model");
    expect(() => addon["createModel"]?.(null, 0)).to.throw("spec must be an object");
    expect(() => addon["clipGradNorm"]?.([], "one")).to.throw("maxNorm must be a number");
    expect(() => addon["freeze"]?.()).to.throw("model must be a Model");
  });
});
