import { expect } from "chai";
import { retryShortage } from "#lib/io/retry-shortage.js";

describe("retryShortage", () => {
  const failing = (code: string, times: number) => {
    let calls = 0;
    return () => {
      calls += 1;
      return calls > times
        ? Promise.resolve(calls)
        : Promise.reject(Object.assign(new Error(code), { code }));
    };
  };

  it("tries again where descriptors are short, and not where a disk is full", async () => {
    expect(await retryShortage(failing("EMFILE", 3))).to.equal(4);
    const full = await retryShortage(failing("ENOSPC", 1)).catch((error: unknown) => error);
    expect(full).to.include({ code: "ENOSPC" });
  });
});
