import { expect } from "chai";
import { Model, smallResNet, tensor } from "mutual-channel-loss";
import { zeros } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { rejected } from "../support/errors.js";

describe("errors of native work", () => {
  it("have the stack of the call that asked for it", async () => {
    async function aStepOfTheUser() {
      await tensor([1]).sum().backward();
    }
    const error = await rejected(aStepOfTheUser());
    expect(error.stack).to.match(/^McLossError: element 0 of tensors does not require grad/);
    expect(error.stack).to.match(/at (async )?aStepOfTheUser .*caller-stack\.test/);
  });

  it("have it where nobody awaits at once, too", async () => {
    function notAwaited() {
      const model: Model = smallResNet({ classes: 2 });
      return native().forward(model.handle, zeros([1, 4, 32, 32]).handle, 0, [], undefined, undefined);
    }
    const pending = notAwaited();
    const error = await rejected(pending);
    expect(error.code).to.equal("ERR_TORCH");
    expect(error.stack).to.match(/at notAwaited .*caller-stack\.test/);
  });

  it("keep the message and the code", async () => {
    const error = await rejected(tensor([1]).sum().backward());
    expect(error.stack!.startsWith(`${error.name}: ${error.message}\n    at `)).to.equal(true);
  });

  it("obey Error.stackTraceLimit", async () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    const failed = rejected(tensor([1]).sum().backward());
    Error.stackTraceLimit = limit;
    expect((await failed).code).to.equal("ERR_TORCH");
  });

  it("reject each promise with its own, in the order of the calls", async () => {
    const order: string[] = [];
    const calls = Array.from({ length: 40 }, async (_, i) => {
      const call = i % 3 === 0 ? tensor([i]).sum().backward() : tensor([i]).data();
      await call.then(
        (data) => order.push(`${i} ${String(data)}`),
        (error: unknown) => order.push(`${i} ${(error as Error).name}`),
      );
    });
    await Promise.all(calls);
    expect(order).to.deep.equal(
      Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? `${i} McLossError` : `${i} ${i}`)),
    );
  });
});
