// Tasks as bars along the time of the run, drawn on one canvas, as there may be thousands.

import type { Component } from "../core/adapter.ts";
import { html } from "../core/dom.ts";
import { fold } from "../core/fold.ts";
import { barText, grouped, groupText, merged, ticks, tickText, type Bar, type Group, type WireBar } from "./bars.ts";
import { hatching } from "./hatching.ts";
import "../core/colours.css";
import "../core/base.css";
import "../core/fold.css";
import "./timeline.css";

export interface TimelineValues {
  unfolded: boolean;
  version: number;
  elapsed: number;
  ended: boolean;
  steps: string[];
}

export interface TimelineRequests {
  bars(since: number): Promise<{ version: number; bars: WireBar[] }>;
  set(values: Partial<TimelineValues>): void;
}

const AXIS = 18;
const STEP_GAP = 4;
const LEAST_ROW = 18;
const LANE = 12;
const MOST_ROW = 96;
const LEAST_BAR = 2;
const TICK_ROOM = 70;

export function timeline(requests: TimelineRequests, signal: AbortSignal): Component<TimelineValues> {
  return new Bars(requests, signal);
}

interface Placed {
  group: Group;
  top: number;
  height: number;
}

class Bars implements Component<TimelineValues> {
  readonly element: HTMLElement;
  private readonly frame: ReturnType<typeof fold>;
  private readonly names = html("ul", { class: "nbr-bars-names", "aria-label": "Tasks by step" });
  private readonly canvas = html("canvas", { class: "nbr-bars-canvas", "aria-hidden": "true" });
  private readonly axis = html("div", { class: "nbr-bars-axis", "aria-hidden": "true" });
  private readonly tip = html("div", { class: "nbr-bars-tip", role: "tooltip", hidden: true });
  private readonly area: HTMLElement;
  private bars: Bar[] = [];
  private placed: Placed[] = [];
  private values: TimelineValues = { unfolded: false, version: 0, elapsed: 0, ended: false, steps: [] };
  private version = 0;
  private asking = false;

  constructor(
    private readonly requests: TimelineRequests,
    signal: AbortSignal,
  ) {
    this.frame = fold("Timeline", (unfolded) => requests.set({ unfolded }), signal);
    this.element = this.frame.element;
    this.area = html("div", { class: "nbr-bars-area" }, this.axis, this.canvas, this.tip);
    this.frame.body.append(html("div", { class: "nbr-bars" }, this.names, this.area));
    this.area.addEventListener("pointermove", (event) => this.point(event), { signal });
    this.area.addEventListener("pointerleave", () => (this.tip.hidden = true), { signal });
    const resizes = new ResizeObserver(() => this.draw());
    resizes.observe(this.area);
    // A canvas must be drawn again when the theme changes.
    const themes = new MutationObserver(() => requestAnimationFrame(() => this.draw()));
    themes.observe(document.body, { attributeFilter: ["class", "data-jp-theme-name"] });
    signal.addEventListener("abort", () => {
      resizes.disconnect();
      themes.disconnect();
    });
  }

  update(values: TimelineValues): void {
    this.values = values;
    this.frame.update(values.unfolded);
    if (!values.unfolded) return;
    if (values.version > this.version) void this.fetch();
    this.draw();
  }

  private async fetch(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const { version, bars } = await this.requests.bars(this.version);
      this.version = version;
      this.bars = merged(this.bars, bars);
    } catch (error) {
      console.warn("nbrunner: the timeline could not be drawn", error); // retried at the next change
      return;
    } finally {
      this.asking = false;
    }
    this.draw();
    if (this.values.version > this.version) void this.fetch();
  }

  private place(): number {
    let top = AXIS;
    this.placed = grouped(this.bars, this.values.elapsed, this.values.steps).map((group) => {
      const height = Math.max(LEAST_ROW, Math.min(MOST_ROW, group.lanes * LANE + STEP_GAP));
      const placed = { group, top, height };
      top += height;
      return placed;
    });
    return top;
  }

  private draw(): void {
    const height = this.place();
    const width = this.area.clientWidth;
    if (!this.values.unfolded || !width) return;
    this.names.replaceChildren(...this.placed.map((each) => this.named(each)));
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    const look = getComputedStyle(this.area);
    const colour = (name: string) => look.getPropertyValue(name).trim() || look.color;
    this.drawAxis(width, height, context, colour("--nbr-bars-grid"));
    const fills: Record<string, string | CanvasPattern> = {
      failed: hatching(context, colour("--nbr-bars-failed"), colour("--nbr-bars-ground")),
    };
    for (const { group, top, height: room } of this.placed) {
      const lane = (room - STEP_GAP) / group.lanes;
      for (const bar of group.bars) {
        const [left, right] = this.ends(bar, width);
        context.fillStyle = fills[bar.state] ??= colour(`--nbr-bars-${bar.state}`);
        const thick = Math.max(1, lane - (lane > 4 ? 2 : 0));
        context.fillRect(left, top + STEP_GAP / 2 + bar.lane * lane, right - left, thick);
      }
    }
  }

  /** Show the times, which stay visible above many steps; their lines are part of the canvas. */
  private drawAxis(width: number, height: number, context: CanvasRenderingContext2D, grid: string): void {
    context.fillStyle = grid;
    const times = ticks(this.span, Math.max(2, Math.floor(width / TICK_ROOM))).map((tick) => {
      const x = Math.round((tick / this.span) * width);
      context.fillRect(x + 0.5, AXIS - 4, 1, height - AXIS + 4);
      const isLast = x > width - TICK_ROOM / 2;
      return html("span", { style: isLast ? "right:0" : `left:${x + 3}px` }, tickText(tick));
    });
    this.axis.replaceChildren(...times);
    for (const { top } of this.placed) context.fillRect(0, top, width, 1);
  }

  private named({ group, height }: Placed): HTMLElement {
    const text = groupText(group, this.values.elapsed);
    const item = html("li", { style: `height:${height}px`, title: text }, group.step);
    item.append(html("span", { class: "nbr-hidden" }, text.slice(group.step.length)));
    return item;
  }

  private get span(): number {
    return Math.max(this.values.elapsed, 0.1);
  }

  private ends(bar: Bar, width: number): [number, number] {
    const left = (bar.start / this.span) * width;
    const right = ((bar.end ?? this.values.elapsed) / this.span) * width;
    return [Math.min(left, width - LEAST_BAR), Math.max(right, left + LEAST_BAR)];
  }

  private point(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const bar = this.at(x, y, box.width);
    this.tip.hidden = !bar;
    if (!bar) return;
    this.tip.textContent = barText(bar, this.values.elapsed);
    this.tip.style.top = `${y + 14}px`;
    const turned = x > box.width / 2;
    this.tip.style.left = turned ? "auto" : `${x + 8}px`;
    this.tip.style.right = turned ? `${box.width - x + 8}px` : "auto";
  }

  private at(x: number, y: number, width: number): Bar | undefined {
    const row = this.placed.find(({ top, height }) => y >= top && y < top + height);
    if (!row) return undefined;
    const { group, top, height } = row;
    const lane = Math.floor(((y - top - STEP_GAP / 2) / (height - STEP_GAP)) * group.lanes);
    return group.bars.find((bar) => {
      const [left, right] = this.ends(bar, width);
      return bar.lane === lane && x >= left - 1 && x <= right + 1;
    });
  }
}
