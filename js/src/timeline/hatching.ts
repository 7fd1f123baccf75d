// The pattern of failed tasks, which do not differ by colour alone.

import { html } from "../core/dom.ts";

const TILE = 6;

/** Return a fill for a canvas: a colour with slanted lines in another one. */
export function hatching(
  context: CanvasRenderingContext2D,
  colour: string,
  lines: string,
): CanvasPattern | string {
  const tile = html("canvas", { width: TILE, height: TILE });
  const pen = tile.getContext("2d");
  if (!pen) return colour;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, TILE, TILE);
  pen.strokeStyle = lines;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const from of [-TILE, 0, TILE]) {
    pen.moveTo(from - 1, TILE + 1);
    pen.lineTo(from + TILE + 1, -1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat") ?? colour;
}
