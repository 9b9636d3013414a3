import { expect } from "chai";
import { captionOf } from "#lib/visualize/image-sheet-drawing.js";

describe("captions of heat maps", () => {
  it("say of a map that is 0 everywhere that it is: it is no fault of the picture", () => {
    expect(captionOf("Grad-CAM", Float32Array.of(0, 0.1, 0))).to.equal("Grad-CAM");
    expect(captionOf("Grad-CAM", Float32Array.of(0, 0, 0))).to.equal("Grad-CAM: 0 everywhere");
    expect(captionOf("channel 3", Float32Array.of(0))).to.equal("channel 3: 0 everywhere");
  });
});
