import { expect } from "chai";
import { z } from "zod";
import {
  Registry,
  type Definition,
  type Filled,
  type FilledSpec,
  type OptionShape,
  type Spec,
} from "#lib/definition.js";
import { parseOptions, rate } from "#lib/schema.js";
import { caught } from "../support/errors.js";

interface ShapeDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  area(options: Filled<Options>): number;
}

function defineShape<const Name extends string, Options extends OptionShape>(
  definition: ShapeDefinition<Name, Options>,
): ShapeDefinition<Name, Options> {
  return definition;
}

const circle = defineShape({
  name: "circle",
  summary: "Round",
  options: { radius: rate.default(1) },
  area: ({ radius }) => 3 * radius ** 2,
});

const rectangle = defineShape({
  name: "rectangle",
  summary: "With four corners",
  options: { width: rate, corner: z.strictObject({ radius: rate.default(2) }).optional() },
  area: ({ width }) => width ** 2,
});

const shapes = new Registry([circle, rectangle], {
  common: { color: z.enum(["red", "green"]).default("red") },
  fallback: "circle",
});

const networks = new Registry([circle, rectangle], { tag: "name" });

function fill(spec: unknown): FilledSpec<typeof shapes> {
  return parseOptions(shapes.filled, spec, "shape");
}

function area(spec: Spec<typeof shapes>): number {
  const { type, ...options } = fill(spec);
  const definition: ShapeDefinition = shapes.get(type);
  return definition.area(options);
}

describe("a registry of definitions", () => {
  it("fills in defaults, also where an option is undefined", () => {
    expect(fill({ type: "circle", radius: undefined })).to.deep.equal({
      type: "circle",
      radius: 1,
      color: "red",
    });
    expect(fill({ type: "rectangle", width: 3, corner: {}, color: "green" })).to.deep.equal({
      type: "rectangle",
      width: 3,
      corner: { radius: 2 },
      color: "green",
    });
  });

  it("leaves what was given as it is where that is asked for", () => {
    const given = { type: "rectangle", width: 3, corner: {} };
    expect(parseOptions(shapes.given, given)).to.deep.equal(given);
  });

  it("takes the one that is meant where none is named", () => {
    expect(fill({ radius: 2 })).to.deep.equal({ type: "circle", radius: 2, color: "red" });
    expect(parseOptions(shapes.given, { radius: 2 })).to.deep.equal({ radius: 2 });
  });

  it("gives what it finds its options with their types", () => {
    expect(area({ radius: 2 })).to.equal(12);
    expect(area({ type: "rectangle", width: 3 })).to.equal(9);
    // @ts-expect-error a circle has no width
    const wrong: Spec<typeof shapes> = { type: "circle", width: 3 };
    expect(wrong).to.have.property("width");
  });

  it("is told apart by another key", () => {
    expect(parseOptions(networks.filled, { name: "circle" })).to.deep.equal({ name: "circle", radius: 1 });
    expect(networks.names).to.deep.equal(["circle", "rectangle"]);
  });

  it("names what is unknown, and what was probably meant", () => {
    expect(caught(() => fill({ type: "cirkle" })).message).to.equal(
      'shape.type must be one of circle, rectangle, got "cirkle" (did you mean circle?)',
    );
    expect(caught(() => fill({ type: "circle", radios: 1 })).message).to.equal(
      "shape.radios: is not known here (did you mean radius?)",
    );
    expect(caught(() => fill({ type: "rectangle" })).message).to.equal("shape.width: is missing");
    expect(caught(() => fill("circle")).message).to.equal('shape must be an object, got "circle"');
    expect(caught(() => parseOptions(networks.given, {})).message).to.equal(
      "name must be one of circle, rectangle",
    );
    expect(caught(() => shapes.get("cirkle")).message).to.contain("did you mean circle?");
  });
});
