// Where the steps of a flow stand: a layered layout from left to right.

import dagre from "@dagrejs/dagre";
import type { Step } from "./text.ts";

export const HEIGHT = 30;
const CHARACTER = 7.2;
const MIN_WIDTH = 84;
const MAX_NAME = 24;

export interface Box {
  name: string;
  x: number;
  y: number;
  width: number;
}

export interface Edge {
  from: string;
  to: string;
  points: { x: number; y: number }[];
}

export interface Layout {
  width: number;
  height: number;
  boxes: Box[];
  edges: Edge[];
}

export const shortName = (name: string): string =>
  name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 1)}…`;

/** Lay the steps out; a switch may lead back, which dagre reverses and draws all the same. */
export function layout(steps: readonly Step[]): Layout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 12, ranksep: 34, marginx: 4, marginy: 4 });
  graph.setDefaultEdgeLabel(() => ({}));
  const names = new Set(steps.map((step) => step.name));
  for (const { name } of steps) {
    // Room for the sign before the name and for the count behind it.
    const width = Math.max(MIN_WIDTH, shortName(name).length * CHARACTER + 72);
    graph.setNode(name, { width, height: HEIGHT });
  }
  for (const { name, next } of steps) {
    for (const behind of next) if (names.has(behind)) graph.setEdge(name, behind);
  }
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    boxes: steps.map(({ name }) => {
      const node = graph.node(name) as { x: number; y: number; width: number };
      return { name, x: node.x - node.width / 2, y: node.y - HEIGHT / 2, width: node.width };
    }),
    edges: graph.edges().map(({ v, w }) => ({
      from: v,
      to: w,
      points: (graph.edge(v, w) as { points: { x: number; y: number }[] }).points,
    })),
  };
}

/** A smooth path through points. */
export function path(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let drawn = `M${first.x} ${first.y}`;
  let before = first;
  for (const point of rest) {
    const middle = (before.x + point.x) / 2;
    drawn += `C${middle} ${before.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    before = point;
  }
  return drawn;
}
