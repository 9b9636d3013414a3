import { z } from "zod";
import { McLossError } from "../../errors.js";
import { text } from "../../schema.js";
import { defineLayer } from "./definition.js";

export const torchscript = defineLayer({
  name: "torchscript",
  summary:
    "A module of torch.jit.script or torch.jit.trace. It is trained like any other layer, its tensors are named as in " +
    'Python\'s state dict, and taps and `features` can name what lies inside it: "backbone.layer4". TorchScript is code: ' +
    "load only files whose author you trust",
  options: {
    /** As other layers' names; "" adds nothing to the module's own names. */
    name: z
      .string()
      .regex(/^[^.]*$/, "must be a name without dots, or empty")
      .optional(),
    /** The file that torch.jit.save wrote. */
    path: text,
    /** Of the file, in hexadecimal. A model fills it in, and refuses another file. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits")
      .optional(),
    /**
     * The submodule whose output is the layer's ("layer4": what the module does after it is left aside), or the method that
     * is called. Default "forward".
     */
    output: text.optional(),
  },
  // What it gives is not known before it runs.
  infer: () => ({ output: [] }),
  toOnnx(_, { name }) {
    const text = `the layer "${name}" is TorchScript, which ONNX cannot hold: export its module from Python`;
    throw new McLossError("ERR_UNSUPPORTED", text, { argument: name });
  },
});
