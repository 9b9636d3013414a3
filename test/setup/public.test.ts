import { expect } from "chai";
import { diagnose, setup } from "mutual-channel-loss/setup";
import { rejected } from "../support/errors.js";

describe("mutual-channel-loss/setup", () => {
  it("setup() names a wrong option before it does anything", async () => {
    const problem = async (options: object) => (await rejected(setup(options))).message;
    expect(await problem({ buildSystem: "make" })).to.equal(
      'buildSystem must be one of cmake, gyp, got "make" (did you mean cmake?)',
    );
    expect(await problem({ forced: true })).to.equal("forced: is not known here (did you mean force?)");
    expect(await problem({ signal: 1 })).to.equal("signal must be an AbortSignal, got 1");
  });

  it("diagnose() tells which addon loads, and what keeps the package from working", async () => {
    const { addons, libtorch, problems, cuda } = await diagnose();
    expect(addons[0]).to.include({ problem: null });
    expect(libtorch?.version).to.match(/^2[.]/);
    expect(problems).to.deep.equal([]);
    expect(cuda.reason).to.not.equal("");
  });
});
