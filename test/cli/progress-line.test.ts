import { expect } from "chai";
import stringWidth from "string-width";
import { progressLine } from "#lib/cli/progress-line.js";

const FACTS = ["held-out 66.67 %", "1011 images/s", "epoch 3/100", "CE 1.234 · L_dis 1.234 · L_div 0.123"];
const line = (columns: number, change: object = {}) =>
  progressLine({ label: "training", share: 0.45, left: "3 min 20 s", facts: FACTS, ...change }, columns);

describe("progressLine", () => {
  it("fits every width, and leaves out what does not fit as a whole, the least telling first", () => {
    for (let columns = 4; columns <= 200; columns += 1) {
      const text = line(columns);
      expect(stringWidth(text)).to.be.at.most(columns);
      const told = text.split(" · ").slice(1).join(" · ");
      for (const fact of ["ETA 3 min 20 s", ...FACTS]) {
        if (told.includes(fact.slice(0, 5))) expect(told, String(columns)).to.contain(fact);
      }
    }
    expect(line(4)).to.equal("45%");
    expect(line(40)).to.equal("45% · ETA 3 min 20 s · held-out 66.67 %");
    expect(line(60)).to.equal("45% · ETA 3 min 20 s · held-out 66.67 % · 1011 images/s");
    expect(line(80)).to.match(/^training █+░+ 45% · ETA 3 min 20 s · held-out 66\.67 % · 1011 images\/s$/);
    expect(line(120)).to.match(/ · epoch 3\/100$/);
    expect(line(140)).to.match(/ · CE 1\.234 · L_dis 1\.234 · L_div 0\.123$/);
  });

  it("counts the columns of wide letters, and draws no more than a whole bar", () => {
    const text = line(60, { label: "評価中", facts: [], share: 1.5 });
    expect(stringWidth(text)).to.be.at.most(60);
    expect(text).to.equal(`評価中 ${"█".repeat(24)} 100% · ETA 3 min 20 s`);
  });
});
