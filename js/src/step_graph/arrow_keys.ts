// The step that an arrow key moves to, by the positions in the drawing.

import type { Box } from "./layout.ts";

/** The name of the step that a key moves to from another; the same one if there is none. */
export function neighbour(boxes: readonly Box[], from: string, key: string): string {
  const here = boxes.find(({ name }) => name === from) ?? boxes[0];
  if (!here) return from;
  const found: Record<string, () => Box | undefined> = {
    ArrowRight: () => nearest(nextRank(boxes.filter(({ x }) => x > here.x), 1), here),
    ArrowLeft: () => nearest(nextRank(boxes.filter(({ x }) => x < here.x), -1), here),
    ArrowDown: () => nearest(boxes.filter(({ x, y }) => x === here.x && y > here.y), here),
    ArrowUp: () => nearest(boxes.filter(({ x, y }) => x === here.x && y < here.y), here),
    Home: () => boxes[0],
    End: () => boxes.at(-1),
  };
  return (found[key]?.() ?? here).name;
}

function nextRank(boxes: Box[], way: 1 | -1): Box[] {
  const x = Math.min(...boxes.map((box) => way * box.x));
  return boxes.filter((box) => way * box.x === x);
}

function nearest(boxes: Box[], here: Box): Box | undefined {
  const distance = ({ y }: Box) => Math.abs(y - here.y);
  return boxes.sort((one, other) => distance(one) - distance(other))[0];
}
