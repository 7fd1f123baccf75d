// The log: as many rows as one sees, of a file that stays on the kernel's disk.

import { html } from "../shared/dom.ts";
import type { Component } from "../shared/adapter.ts";
import { WindowCache, type Line } from "./window_cache.ts";
import { labelWidth, MORE, rowOf } from "./row.ts";
import { ScrollMap } from "./scroll_map.ts";
import { toolbar, type ToolbarActions } from "./toolbar.ts";
import "./log.css";

export interface LogValues {
  name: string;
  total: number;
  lines: number;
  ended: boolean;
  steps: string[];
  step: string;
  stream: string;
  query: string;
  follow: boolean;
  wrap: boolean;
  revision: number;
  matches: number;
  counting: boolean;
  current: number;
  /** The line at the top, for a view that takes the place of another. */
  top?: number;
}

/** What the log asks the kernel for, and what it tells the model. */
export interface LogRequests {
  window(start: number, stop: number, revision: number): Promise<void>;
  match(index: number, revision: number): Promise<number>;
  whole(number: number, revision: number): Promise<string>;
  download(): Promise<void>;
  /** Give how many lines above were too many for the clipboard; null where it may not be written. */
  copy(): Promise<number | null>;
  set(values: Partial<LogValues>): void;
  /** Have views that are made later know something; the kernel need not. */
  keep(values: Partial<LogValues>): void;
}

export interface LogComponent extends Component<LogValues> {
  take(start: number, lines: readonly Line[], revision: number): void;
}

const LINE_HEIGHT = 18;
const LEAST_HEIGHT = 4 * LINE_HEIGHT;
const OVERSCAN = 12;
const AT_END_LINES = 0.6;
const MAX_PENDING = 2;

export function logView(requests: LogRequests, signal: AbortSignal): LogComponent {
  return new LogPane(requests, signal);
}

class LogPane implements LogComponent {
  readonly element: HTMLElement;
  private readonly cache = new WindowCache();
  private readonly rows = html("div", { class: "nbr-log-rows" });
  private readonly spacer = html("div", { class: "nbr-log-spacer" });
  private readonly pane: HTMLElement;
  private readonly bar: ReturnType<typeof toolbar>;
  private values: LogValues | null = null;
  private map = new ScrollMap(0, LINE_HEIGHT, 0);
  /** The line at the top, with a fraction; the scrollbar alone is too coarse. */
  private top = 0;
  private expectedScroll = -1;
  private pending = 0;
  private frame = 0;
  private matchLine = -1;
  /** The rows are of a filter that is gone; they stay until there are others. */
  private stale = false;
  private height = "";

  constructor(
    private readonly requests: LogRequests,
    private readonly signal: AbortSignal,
  ) {
    this.pane = html(
      "div",
      { class: "nbr-log-pane", role: "log", "aria-live": "off", tabindex: 0 },
      this.spacer,
      this.rows,
    );
    const actions: ToolbarActions = {
      ...requests,
      goTo: (index) => void this.goTo(index),
    };
    this.bar = toolbar(actions, signal);
    this.element = html("div", { class: "nbr nbr-log" }, this.bar.element, this.pane);
    this.pane.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    this.pane.addEventListener("wheel", (event) => this.wheeled(event), { signal });
    this.rows.addEventListener("click", (event) => this.clicked(event), { signal });
    this.element.addEventListener("keydown", (event) => this.pressed(event), { signal });
    const resizes = new ResizeObserver(() => this.soon());
    resizes.observe(this.pane);
    signal.addEventListener("abort", () => resizes.disconnect());
  }

  update(values: LogValues): void {
    const before = this.values;
    this.values = values;
    if (!before) this.top = values.top ?? 0;
    this.pane.setAttribute("aria-label", values.name);
    this.pane.style.setProperty("--nbr-label-width", `${labelWidth(values.steps)}ch`);
    this.pane.classList.toggle("nbr-log-wrapped", values.wrap);
    if (before && before.revision !== values.revision) {
      this.cache.clear();
      this.stale = true;
      this.matchLine = -1;
      if (!values.follow) this.top = 0;
    }
    this.bar.update(values);
    if (values.query && values.current >= 0 && values.current !== before?.current) {
      void this.goTo(values.current);
    }
    this.soon();
  }

  take(start: number, lines: readonly Line[], revision: number): void {
    if (revision !== this.values?.revision) return; // of a filter that is gone
    this.cache.put(start, lines);
    this.stale = false;
    this.soon();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
  }

  private soon(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private get lines(): number {
    return this.values?.lines ?? 0;
  }

  /** A short log takes the room of its lines, unless somebody has chosen another. */
  private fit(): void {
    const { style } = this.pane;
    if (style.height !== this.height) return;
    const wanted = Math.max(LEAST_HEIGHT, (this.values?.total ?? 0) * LINE_HEIGHT);
    this.height = style.height = `min(${wanted}px, var(--nbr-log-height, 300px))`;
    this.height = style.height; // as the browser writes it
  }

  private draw(): void {
    this.fit();
    const height = this.pane.clientHeight;
    if (!height) return; // hidden, as while the theme changes; it stays as it was
    this.map = new ScrollMap(this.lines, LINE_HEIGHT, height);
    this.spacer.style.height = `${this.map.height}px`;
    if (this.values?.follow) this.top = this.map.lastTop;
    this.top = Math.min(this.top, this.map.lastTop);
    this.setScroll();
    if (!this.stale || !this.lines) this.drawRows(height);
    this.fetch(height);
  }

  private setScroll(): void {
    const wanted = this.map.scrollTop(this.top);
    if (Math.abs(this.pane.scrollTop - wanted) >= 1) this.pane.scrollTop = wanted;
    this.expectedScroll = this.pane.scrollTop;
  }

  private drawRows(height: number): void {
    const first = Math.max(0, Math.floor(this.top) - OVERSCAN);
    const stop = Math.min(this.lines, Math.ceil(this.top + height / LINE_HEIGHT) + OVERSCAN);
    const drawn: HTMLElement[] = [];
    for (let number = first; number < stop; number += 1) {
      drawn.push(
        rowOf(this.cache.get(number), number, {
          query: this.values?.query ?? "",
          current: number === this.matchLine,
        }),
      );
    }
    this.rows.replaceChildren(...drawn);
    const atEnd = this.top >= this.map.lastTop && this.lines * LINE_HEIGHT > height;
    const wrapped = this.values?.wrap ?? false;
    // Rows that wrap are higher than the map knows: at the end, the last one counts.
    const offset =
      wrapped && atEnd
        ? this.pane.scrollTop + height - this.rows.offsetHeight
        : this.pane.scrollTop - (this.top - first) * LINE_HEIGHT;
    this.rows.style.transform = `translateY(${Math.round(offset)}px)`;
  }

  private fetch(height: number): void {
    const revision = this.values?.revision ?? 0;
    const first = Math.max(0, Math.floor(this.top) - OVERSCAN);
    const stop = Math.min(this.lines, Math.ceil(this.top + height / LINE_HEIGHT) + OVERSCAN);
    for (const [from, to] of this.cache.missing(first, stop)) {
      if (this.pending >= MAX_PENDING) return; // asked again when an answer has come
      this.pending += 1;
      void this.requests.window(from, Math.min(to, this.lines), revision).finally(() => {
        this.pending -= 1;
        if (!this.signal.aborted) this.soon();
      });
    }
  }

  private scrolled(): void {
    if (!this.pane.clientHeight) return; // hidden: nobody scrolls
    if (Math.abs(this.pane.scrollTop - this.expectedScroll) < 1) return; // our own doing
    this.expectedScroll = this.pane.scrollTop;
    this.moveTo(this.map.top(this.pane.scrollTop));
  }

  private wheeled(event: WheelEvent): void {
    // Where the scrollbar stands for more pixels than it has, a turn moves as elsewhere.
    if (this.map.lines * LINE_HEIGHT <= this.map.height || event.ctrlKey) return;
    event.preventDefault();
    this.moveTo(this.top + event.deltaY / LINE_HEIGHT);
  }

  private moveTo(top: number): void {
    this.top = Math.max(0, Math.min(top, this.map.lastTop));
    this.requests.keep({ top: this.top });
    const follow = this.top >= this.map.lastTop - AT_END_LINES;
    if (this.values && follow !== this.values.follow) {
      this.values = { ...this.values, follow };
      this.requests.set({ follow });
    }
    this.soon();
  }

  private clicked(event: MouseEvent): void {
    const more = event.target instanceof Element ? event.target.closest(`.${MORE}`) : null;
    const row = more?.closest<HTMLElement>("[data-line]");
    if (row) void this.showWhole(Number(row.dataset["line"]));
  }

  private pressed(event: KeyboardEvent): void {
    if ((event.key === "f" && (event.ctrlKey || event.metaKey)) || event.key === "/") {
      if (event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      event.stopPropagation(); // not the notebook's own search
      this.bar.focusSearch();
      return;
    }
    if (event.target !== this.pane) return;
    const page = Math.max(1, this.pane.clientHeight / LINE_HEIGHT - 1);
    const moves: Record<string, number> = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      Home: -this.lines,
      End: this.lines,
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    this.moveTo(this.top + move);
  }

  private async goTo(index: number): Promise<void> {
    const revision = this.values?.revision ?? 0;
    const line = await this.requests.match(index, revision);
    if (line < 0 || this.signal.aborted || revision !== this.values?.revision) return;
    this.matchLine = line;
    const inSight = line > this.top + 1 && line < this.top + this.pane.clientHeight / LINE_HEIGHT - 2;
    if (inSight) this.soon();
    else this.moveTo(line - this.pane.clientHeight / LINE_HEIGHT / 2);
  }

  private async showWhole(number: number): Promise<void> {
    const revision = this.values?.revision ?? 0;
    const line = this.cache.get(number);
    if (!line) return;
    const text = await this.requests.whole(number, revision);
    if (revision !== this.values?.revision) return;
    this.cache.put(number, [[text, line[1], 0, line[3], line[4]]]);
    this.soon();
  }
}
