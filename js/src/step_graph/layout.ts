// The positions of a flow's steps: a layered layout from left to right.

import dagre from "@dagrejs/dagre";
import { bow, curve, type Drawn, type Point } from "./edges.ts";
import type { Step } from "./step_state.ts";

/** The measures of boxes: they are small for a long flow, so that more of it is visible. */
interface Measures {
  height: number;
  character: number;
  digit: number;
  /** The width of a box without its texts: the sign and the margins. */
  rest: number;
  least: number;
  between: number;
  apart: number;
}

const ROOMY: Measures = { height: 30, character: 8.2, digit: 8.4, rest: 46, least: 84, between: 34, apart: 12 };
const COMPACT: Measures = { height: 22, character: 7.2, digit: 7.2, rest: 40, least: 40, between: 20, apart: 6 };

/** With more steps than this, boxes are small. */
export const MANY_STEPS = 30;

const MAX_NAME = 24;
// A margin, so that borders and arrows are not cut off.
const MARGIN = 1;

export interface Box {
  name: string;
  x: number;
  y: number;
  width: number;
}

export interface Edge extends Drawn {
  from: string;
  to: string;
  /** Whether it leads back, or to the step itself. */
  back: boolean;
}

export interface Layout {
  width: number;
  height: number;
  boxHeight: number;
  boxes: Box[];
  edges: Edge[];
}

export const shortName = (name: string): string =>
  name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 1)}…`;

/**
 * Lay out the steps: successors to the right, steps of one rank in the order of their definition.
 *
 * `tallies` are the texts that a box has room for next to its name.
 */
export function layout(steps: readonly Step[], tallies: ReadonlyMap<string, string> = new Map()): Layout {
  const measures = steps.length > MANY_STEPS ? COMPACT : ROOMY;
  const { height, between, apart } = measures;
  const { ahead, back } = ways(steps);
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: apart, ranksep: between, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of steps) {
    graph.setNode(name, { width: widthOf(name, tallies.get(name) ?? "", measures), height });
  }
  for (const [from, to] of ahead) graph.setEdge(from, to);
  dagre.layout(graph, { disableOptimalOrderHeuristic: true });

  const boxes = columns(steps.map(({ name }) => ({ name, ...(graph.node(name) as Placed) })), height);
  const at = new Map(boxes.map((box) => [box.name, box]));
  const edges: Edge[] = ahead.map(([from, to]) => {
    const { points } = graph.edge(from, to) as { points: Point[] };
    const drawn = curve(at.get(from)!, at.get(to)!, points.slice(1, -1), boxes, height);
    return { from, to, back: false, ...drawn };
  });
  for (const [from, to] of back) {
    edges.push({ from, to, back: true, ...bow(at.get(from)!, at.get(to)!, boxes, height) });
  }
  const right = Math.max(0, ...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(0, ...boxes.map((box) => box.y + height), ...edges.map((edge) => edge.bottom));
  return { width: right + MARGIN, height: bottom + MARGIN, boxHeight: height, boxes, edges };
}

interface Placed {
  x: number;
  y: number;
  width: number;
}

function widthOf(name: string, count: string, { character, digit, rest, least }: Measures): number {
  const counted = count ? count.length * digit + 6 : 0;
  return Math.ceil(Math.max(least, shortName(name).length * character + rest + counted));
}

/** Give the boxes of a rank the same width around their common centre. */
function columns(placed: readonly (Placed & { name: string })[], height: number): Box[] {
  const widths = new Map<number, number>();
  const middle = ({ x }: Placed) => Math.round(x);
  for (const box of placed) {
    widths.set(middle(box), Math.max(widths.get(middle(box)) ?? 0, box.width));
  }
  return placed.map((box) => {
    const width = widths.get(middle(box))!;
    return { name: box.name, x: Math.round(box.x - width / 2), y: Math.round(box.y - height / 2), width };
  });
}

type Way = [from: string, to: string];

/** The edges to later steps, and those back to an ancestor or to the step itself. */
function ways(steps: readonly Step[]): { ahead: Way[]; back: Way[] } {
  const order = new Map(steps.map(({ name }, index) => [name, index]));
  const following = new Map(
    steps.map(({ name, next }) => [
      name,
      [...new Set(next)].filter((to) => order.has(to)).sort((a, b) => order.get(a)! - order.get(b)!),
    ]),
  );
  const back: Way[] = [];
  const done = new Set<string>();
  const before = new Set<string>();
  const follow = (name: string) => {
    if (done.has(name)) return;
    done.add(name);
    before.add(name);
    for (const to of following.get(name) ?? []) {
      if (before.has(to)) back.push([name, to]);
      else follow(to);
    }
    before.delete(name);
  };
  for (const { name } of steps) follow(name);
  const isBack = new Set(back.map((way) => way.join("\n")));
  const all = steps.flatMap(({ name }) => following.get(name)!.map((to): Way => [name, to]));
  return { ahead: all.filter((way) => !isBack.has(way.join("\n"))), back };
}
