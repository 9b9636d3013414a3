import { cuda, type Device } from "mutual-channel-loss";

/** Defines a suite for each device: `body` gets the device. */
export function describeOnDevices(title: string, body: (device: Device) => void): void {
  describe(`${title} (cpu)`, () => {
    body("cpu");
  });
  describeOnGpu(title, () => {
    body("cuda");
  });
}

/** Defines a suite for a GPU. Without one it is one skipped test that says so. */
export function describeOnGpu(title: string, body: () => void): void {
  describe(`${title} (cuda)`, () => {
    if (cuda.isAvailable()) body();
    else it.skip("no GPU: CUDA tests skipped");
  });
}
