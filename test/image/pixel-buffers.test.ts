import { expect } from "chai";
import { PixelBuffers } from "#lib/image/pixel-buffers.js";

/** What still reads a buffer, until it is told that it is over. */
function transfer() {
  return {
    isOver: false,
    disposed: 0,
    dispose() {
      this.disposed += 1;
    },
  };
}

describe("PixelBuffers", () => {
  it("lends a buffer again once it is taken back", () => {
    const buffers = new PixelBuffers(8, "cpu");
    const first = buffers.lend();
    expect(buffers.lend()).to.not.equal(first);
    buffers.takeBack(first);
    expect(buffers.lend()).to.equal(first);
  });

  it("lends none that a device still reads, and ends the transfer afterwards", () => {
    const buffers = new PixelBuffers(8, "cpu");
    const [first, reading] = [buffers.lend(), transfer()];
    buffers.takeBack(first, reading);
    expect(buffers.lend()).to.not.equal(first);
    expect(reading.disposed).to.equal(0);
    reading.isOver = true;
    expect(buffers.lend()).to.equal(first);
    expect(reading.disposed).to.equal(1);
  });

  it("takes a buffer back once", () => {
    const buffers = new PixelBuffers(8, "cpu");
    const first = buffers.lend();
    buffers.takeBack(first);
    buffers.takeBack(first);
    expect([buffers.lend(), buffers.lend()].filter((buffer) => buffer === first)).to.have.length(1);
  });
});
