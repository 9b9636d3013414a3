import { cuda, type Device } from "mutual-channel-loss";

/**
 * Defines a suite for each device: `body` gets the device. Without a GPU the CUDA suite is one skipped test that
 * says so.
 */
export function describeOnDevices(title: string, body: (device: Device) => void): void {
  describe(`${title} (cpu)`, () => {
    body("cpu");
  });
  describe(`${title} (cuda)`, () => {
    if (cuda.isAvailable()) body("cuda");
    else it.skip("no GPU: CUDA tests skipped");
  });
}
