// The lines between steps, from the right of a box to the left of the next.

export interface Point {
  x: number;
  y: number;
}

interface Box extends Point {
  width: number;
}

export interface Drawn {
  path: string;
  /** The arrow's head. */
  head: string;
  /** The y coordinate of its lowest point. */
  bottom: number;
}

const HEAD = 6;
const HALF_HEAD = 3.5;
// How far a curve extends below the boxes.
const DEPTH = 14;

/** A smooth line to a later rank, through the gaps that the layout has left between boxes. */
export function curve(
  from: Box,
  to: Box,
  between: readonly Point[],
  boxes: readonly Box[],
  height: number,
): Drawn {
  const start = { x: from.x + from.width, y: from.y + height / 2 };
  const tip = { x: to.x, y: to.y + height / 2 };
  const end = { x: tip.x - HEAD + 1, y: tip.y };
  const columns = [...new Map(boxes.map((box) => [box.x, box])).values()];
  let path = `M${start.x} ${start.y}`;
  let before = start;
  for (const point of between) {
    const column = columns.find(({ x, width }) => Math.abs(x + width / 2 - point.x) <= 1);
    if (!column) continue; // between two ranks
    const y = Math.round(point.y * 10) / 10;
    path += `${bend(before, { x: column.x, y })}H${column.x + column.width}`;
    before = { x: column.x + column.width, y };
  }
  path += bend(before, end);
  const head = `M${tip.x - HEAD} ${tip.y - HALF_HEAD}L${tip.x} ${tip.y}L${tip.x - HEAD} ${tip.y + HALF_HEAD}z`;
  return { path, head, bottom: Math.max(start.y, ...between.map(({ y }) => y), tip.y + HALF_HEAD) };
}

function bend(from: Point, to: Point): string {
  if (from.y === to.y) return `H${to.x}`;
  const middle = (from.x + to.x) / 2;
  return `C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}

/** A curve back to an earlier step, below the boxes that it passes. */
export function bow(from: Box, to: Box, boxes: readonly Box[], height: number): Drawn {
  const isSelf = from === to;
  const middle = ({ x, width }: Box) => x + width / 2;
  const start = { x: middle(from) + (isSelf ? from.width / 4 : 0), y: from.y + height };
  const tip = { x: middle(to) - (isSelf ? from.width / 4 : 0), y: to.y + height };
  const passed = boxes.filter(({ x }) => x >= Math.min(from.x, to.x) && x <= Math.max(from.x, to.x));
  const bottom = (isSelf ? start.y : Math.max(...passed.map(({ y }) => y + height))) + DEPTH;
  // A cubic curve reaches three quarters of the way to its control points.
  const low = (y: number) => y + (bottom - y) / 0.75;
  const path =
    `M${start.x} ${start.y}C${start.x} ${low(start.y)} ${tip.x} ${low(tip.y)} ` +
    `${tip.x} ${tip.y + HEAD - 1}`;
  const head =
    `M${tip.x - HALF_HEAD} ${tip.y + HEAD}L${tip.x} ${tip.y}L${tip.x + HALF_HEAD} ${tip.y + HEAD}z`;
  return { path, head, bottom };
}
