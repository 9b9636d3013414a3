import { expect } from "chai";
import { z } from "zod";
import { recordedNumber, recordJson } from "#lib/record-json.js";
import { McLossError } from "mutual-channel-loss";

describe("recordJson", () => {
  it("keeps numbers that are not finite, which recordedNumber reads", () => {
    const values = [1.5, NaN, Infinity, -Infinity, -0];
    const read = z.array(recordedNumber).parse(JSON.parse(recordJson(values, "values")));
    expect(read).to.deep.equal([1.5, NaN, Infinity, -Infinity, 0]);
    expect(() => recordedNumber.parse("infinite")).to.throw();
  });

  it("writes what JSON has no words for as text, and leaves out what is undefined", () => {
    const value = { pattern: /^layer[12]/, big: 2n ** 60n, none: undefined, when: new Date(0) };
    expect(JSON.parse(recordJson(value, "value"))).to.deep.equal({
      pattern: "/^layer[12]/",
      big: "1152921504606846976",
      when: "1970-01-01T00:00:00.000Z",
    });
  });

  it("names what cannot be recorded", () => {
    const endless: { self?: unknown } = {};
    endless.self = endless;
    for (const [value, argument] of [
      [{ loss: { keep: [() => 1] } }, "about.loss.keep[0]"],
      [{ tag: Symbol("a") }, "about.tag"],
      [endless, "about.self"],
    ] as const) {
      expect(() => recordJson(value, "about"))
        .to.throw(McLossError, /must be plain data/)
        .with.property("argument", argument);
    }
  });
});
