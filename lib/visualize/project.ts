import type { Size } from "../image/geometry.js";
import { tensor } from "../tensor/creation.js";
import { linspace } from "../tensor/operators.js";
import { ops } from "../tensor/ops.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Rectangle, ViewPlacement } from "./input-geometry.js";

const BILINEAR = 0;
const REPEAT_BORDER = 1;

/** Maps laid back onto the images that they are of. */
export interface ProjectedMaps {
  /** [N, C, H, W]; 0 where the model did not see the image. */
  maps: Tensor;
  /** float32 [N, H, W]: 1 where a view shows the image, else 0. */
  seen: Tensor;
}

/**
 * Lays maps of views back onto the images, with bilinear interpolation between the centres of their cells; where several
 * views overlap the largest value counts.
 * @param maps [N·V, C, h, w], not negative: V views of each image
 * @param placements of each of the N images the V views
 * @param size of the result; it stands for all of the upright image
 */
export function projectOntoImages(
  maps: Tensor,
  placements: readonly (readonly ViewPlacement[])[],
  { height, width }: Size,
): ProjectedMaps {
  const [, channels = 1] = maps.shape;
  const views = placements.flat();
  const theta = tensor(Float32Array.from(views.flatMap((view) => view.theta)), {
    shape: [views.length, 2, 3],
  });
  const grid = ops(
    "aten::affine_grid_generator",
    theta,
    [views.length, channels, height, width],
    false,
  ) as Tensor;
  const laid = ops("aten::grid_sampler", maps, grid, BILINEAR, REPEAT_BORDER, false) as Tensor;
  const visible = rectangleMasks(
    views.map(({ seen }) => seen),
    { height, width },
  );
  const perImage = [placements.length, views.length / placements.length];
  return {
    maps: laid
      .mul(visible.unsqueeze(1))
      .view([...perImage, channels, height, width])
      .amax(1),
    seen: visible.view([...perImage, height, width]).amax(1),
  };
}

/** [M, H, W]: 1 where a pixel's centre lies in the rectangle, else 0. */
export function rectangleMasks(rectangles: readonly Rectangle[], { height, width }: Size): Tensor {
  const down = within(rectangles, "top", "bottom", height);
  const across = within(rectangles, "left", "right", width);
  return down.unsqueeze(2).mul(across.unsqueeze(1));
}

/** [M, extent] */
function within(
  rectangles: readonly Rectangle[],
  from: keyof Rectangle,
  to: keyof Rectangle,
  extent: number,
): Tensor {
  const centres = linspace(1 / extent - 1, 1 - 1 / extent, extent).unsqueeze(0);
  const edge = (name: keyof Rectangle) =>
    tensor(
      Float32Array.from(rectangles, (each) => each[name]),
      { shape: [rectangles.length, 1] },
    );
  return centres
    .ge(edge(from))
    .logicalAnd(centres.lt(edge(to)))
    .to("float32");
}
