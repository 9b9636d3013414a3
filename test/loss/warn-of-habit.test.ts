import { expect } from "chai";
import type { ChannelHealth } from "mutual-channel-loss/loss";
import { warnOfHabit } from "#lib/loss/warn-of-habit.js";

function health(habit: number, chance: number): ChannelHealth {
  const rest = { diversity: 0.9, iou: 0.1, cosine: 0.1, alignment: 0.5, ownHabit: habit };
  return { ...rest, habit, dead: 0, chance: { ...rest, habit: chance } };
}

describe("the warning of channels that keep to their places", () => {
  it("says how much, how much by chance, and what to do", () => {
    const warning = warnOfHabit(health(0.73, 0.015));
    expect(warning).to.contain("in 73 % of the images").and.contain("(by chance in 2 %)");
    expect(warning)
      .to.contain("with MC-Loss lower beta")
      .and.contain("larger images")
      .and.contain("train for longer");
  });

  it("is absent up to three tenths of what chance leaves", () => {
    expect(warnOfHabit(health(0.3, 0))).to.equal(undefined);
    expect(warnOfHabit(health(0.31, 0))).to.be.a("string");
    expect(warnOfHabit(health(0.47, 0.25))).to.equal(undefined);
    expect(warnOfHabit(health(0.48, 0.25))).to.be.a("string");
    expect(warnOfHabit(health(1, 1))).to.equal(undefined);
    expect(warnOfHabit(health(0, 0))).to.equal(undefined);
  });
});
