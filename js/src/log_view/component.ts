// The log: draws the visible rows of a file that stays on the kernel's disk.

import { html } from "../core/dom.ts";
import type { Component } from "../core/adapter.ts";
import { isOrphan } from "../jupyterlab/disconnected.ts";
import { WindowCache, type Line } from "./window_cache.ts";
import { DrawnRows, LINE_HEIGHT } from "./drawn_rows.ts";
import { Heights } from "./row_heights.ts";
import { moving, type Movable } from "./scroll_input.ts";
import { labelWidth, MORE } from "./row.ts";
import { moved, ScrollMap } from "./scroll_map.ts";
import { toolbar, type ToolbarActions } from "./toolbar.ts";
import type { LogRequests, LogValues } from "./types.ts";
import "../core/colours.css";
import "../core/base.css";
import "./log_view.css";

export interface LogComponent extends Component<LogValues> {
  take(start: number, lines: readonly Line[], revision: number): void;
  /** Drop all lines and request them again, as some may have been missed. */
  forget(): void;
}

const LEAST_HEIGHT = 4 * LINE_HEIGHT;
const OVERSCAN = 12;
const AT_END_PIXELS = 0.6 * LINE_HEIGHT;
const MAX_PENDING = 2;
// The pause before missing lines are requested again.
const AGAIN_MS = 1000;

export function logView(requests: LogRequests, signal: AbortSignal): LogComponent {
  return new LogPane(requests, signal);
}

class LogPane implements LogComponent, Movable {
  readonly element: HTMLElement;
  private readonly cache = new WindowCache();
  private readonly drawn = new DrawnRows();
  private readonly spacer = html("div", { class: "nbr-log-spacer" });
  private readonly pane: HTMLElement;
  private readonly bar: ReturnType<typeof toolbar>;
  private values: LogValues | null = null;
  private map = new ScrollMap(0, LINE_HEIGHT, 0);
  /** The line at the top, with a fraction; the scrollbar alone is too coarse. */
  private top = 0;
  /** Whether the user has scrolled since it was drawn. */
  private turned = false;
  private readonly heights = new Heights();
  private expectedScroll = -1;
  private pending = 0;
  private frame = 0;
  private matchLine = -1;
  /** The line whose match to scroll to once it is drawn. */
  private revealing = -1;
  /** Whether the rows belong to an earlier filter; they stay until there are new ones. */
  private stale = false;
  /** Whether a change must be shown at once, even if text is selected. */
  private urgent = false;
  private asked = "";
  private waiting = false;
  private height = "";

  constructor(
    private readonly requests: LogRequests,
    private readonly signal: AbortSignal,
  ) {
    this.pane = html(
      "div",
      { class: "nbr-log-pane", role: "log", "aria-live": "off", tabindex: 0 },
      this.spacer,
      this.drawn.element,
    );
    const actions: ToolbarActions = {
      ...requests,
      goTo: (index) => void this.goTo(index),
    };
    this.bar = toolbar(actions, signal);
    this.element = html("div", { class: "nbr nbr-log" }, this.bar.element, this.pane);
    this.pane.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    moving(this.pane, this, signal);
    this.drawn.element.addEventListener("click", (event) => this.clicked(event), { signal });
    this.element.addEventListener("keydown", (event) => this.pressed(event), { signal });
    document.addEventListener("selectionchange", () => this.waiting && this.soon(), { signal });
    const resizes = new ResizeObserver(() => this.soon(true));
    resizes.observe(this.pane);
    signal.addEventListener("abort", () => resizes.disconnect());
  }

  update(values: LogValues): void {
    const before = this.values;
    this.values = values;
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
    const { revision, query, follow, wrap } = values;
    const asked = [revision, query, follow, wrap].join("\n");
    this.soon(asked !== this.asked);
    this.asked = asked;
  }

  take(start: number, lines: readonly Line[], revision: number): void {
    if (revision !== this.values?.revision) return; // of an earlier filter
    this.cache.put(start, lines);
    this.stale = false;
    this.soon();
  }

  forget(): void {
    this.cache.clear();
    this.soon();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
  }

  private soon(urgent = false): void {
    this.urgent ||= urgent;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  get lines(): number {
    return this.values?.lines ?? 0;
  }

  private get lastTop(): number {
    return Math.max(0, this.lines - this.heights.atEnd);
  }

  /** Fit the height to a short log, unless the user has resized it. */
  private fit(): void {
    const { style } = this.pane;
    if (style.height !== this.height) return;
    const wanted = Math.max(LEAST_HEIGHT, (this.values?.total ?? 0) * this.heights.average);
    this.height = style.height = `min(${wanted}px, var(--nbr-log-height, 306px))`;
    this.height = style.height; // in the browser's notation
  }

  private draw(): void {
    // The user is about to copy selected text; new lines are shown after that.
    this.waiting = !this.urgent && this.drawn.isSelected();
    if (this.waiting) return;
    this.urgent = false;
    this.fit();
    const height = this.pane.clientHeight;
    if (!height) return; // hidden, for example while the theme changes
    const follow = (this.values?.follow ?? false) && !this.turned;
    this.top = follow ? this.lastTop : Math.max(0, Math.min(this.top, this.lines));
    if (!this.stale || !this.lines) this.drawRows(height);
    this.measure(height);
    this.top = follow ? this.lastTop : Math.min(this.top, this.lastTop);
    this.tellTurned();
    this.map = new ScrollMap(this.lines, this.heights.average, height, this.lastTop);
    this.spacer.style.height = `${this.map.height}px`;
    this.setScroll();
    const offset = this.pane.scrollTop - this.drawn.offsetOf(this.top);
    this.drawn.element.style.transform = `translateY(${Math.round(offset)}px)`;
    this.reveal(height);
    this.fetch(height);
  }

  /** The lines needed for a view, which shows fewer of them if they wrap. */
  private wanted(height: number): [number, number] {
    const inView = Math.ceil(height / LINE_HEIGHT);
    const above = this.values?.wrap ? inView : OVERSCAN;
    const line = Math.floor(this.top);
    return [Math.max(0, line - above), Math.min(this.lines, line + inView + OVERSCAN)];
  }

  private drawRows(height: number): void {
    const [first, stop] = this.wanted(height);
    const query = this.values?.query ?? "";
    this.drawn.draw(first, stop, (line) => ({
      line: this.cache.get(line),
      query,
      current: line === this.matchLine,
    }));
  }

  private measure(height: number): void {
    const { wrap = false, revision = 0 } = this.values ?? {};
    if (!wrap || this.stale) return this.heights.beAlike(height);
    const isLoaded = this.cache.get(Math.min(Math.floor(this.top), this.lines - 1)) !== undefined;
    const what = isLoaded ? `${revision} ${this.pane.clientWidth}` : "";
    // A new average changes the scrolled area.
    if (this.heights.learn(this.drawn, this.lines, height, what)) this.soon();
  }

  private setScroll(): void {
    const wanted = this.map.scrollTop(this.top);
    if (Math.abs(this.pane.scrollTop - wanted) >= 1) this.pane.scrollTop = wanted;
    this.expectedScroll = this.pane.scrollTop;
  }

  private fetch(height: number): void {
    if (isOrphan(this.pane)) return; // there is no kernel to answer
    const revision = this.values?.revision ?? 0;
    for (const [from, to] of this.cache.missing(...this.wanted(height))) {
      if (this.pending >= MAX_PENDING) return; // called again after the next answer
      this.pending += 1;
      void this.requests.window(from, Math.min(to, this.lines), revision).then((came) => {
        this.pending -= 1;
        const again = () => void (this.signal.aborted || this.soon());
        if (came) again();
        else setTimeout(again, AGAIN_MS);
      });
    }
  }

  private scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.pane;
    if (!clientHeight) return; // hidden: not scrolled by the user
    if (Math.abs(scrollTop - this.expectedScroll) < 1) return; // set by this component
    this.expectedScroll = scrollTop;
    const atEnd = scrollTop + clientHeight >= scrollHeight - 1;
    this.moveTo(atEnd ? this.lines : this.map.top(scrollTop));
  }

  /** Restore the scroll position after a move: the one last seen by the browser may be older. */
  restored(): void {
    if (this.pane.clientHeight) this.pane.scrollTop = this.expectedScroll;
  }

  takesWheel(down: boolean): boolean {
    // If a pixel of the scrollbar is more than a pixel of the rows, the wheel moves the rows.
    const isCoarse = this.values?.wrap || this.lines * LINE_HEIGHT > this.map.height;
    return isCoarse && (down ? this.top < this.lastTop : this.top > 0);
  }

  moveBy(pixels: number): void {
    this.moveTo(moved(this.top, pixels, this.lines, this.drawn.heightOf));
  }

  /** Move a line to the top; the limit at the end is known after the rows are drawn. */
  moveTo(top: number): void {
    this.top = Math.max(0, Math.min(top, this.lines));
    this.turned = true;
    this.revealing = -1;
    this.soon(true);
  }

  /** Start to follow the end when the user has scrolled there, and stop when the user leaves it. */
  private tellTurned(): void {
    if (!this.turned || !this.values) return;
    this.turned = false;
    const below = moved(this.top, AT_END_PIXELS, this.lines, this.drawn.heightOf);
    const follow = below >= this.lastTop;
    if (follow === this.values.follow) return;
    this.values = { ...this.values, follow };
    this.requests.set({ follow });
  }

  private clicked(event: MouseEvent): void {
    const more = event.target instanceof Element ? event.target.closest(`.${MORE}`) : null;
    const row = more?.closest<HTMLElement>("[data-line]");
    if (row) void this.showWhole(Number(row.dataset["line"]));
  }

  private pressed(event: KeyboardEvent): void {
    const isFind = event.key === "f" && (event.ctrlKey || event.metaKey);
    if ((!isFind && event.key !== "/") || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    event.stopPropagation(); // do not open the notebook's search
    this.bar.focusSearch();
  }

  private async goTo(index: number): Promise<void> {
    const revision = this.values?.revision ?? 0;
    const line = await this.requests.match(index, revision);
    if (line < 0 || this.signal.aborted || revision !== this.values?.revision) return;
    this.matchLine = line;
    const near = line >= this.drawn.first && line < this.drawn.stop;
    if (!near) this.moveTo(line);
    this.revealing = line;
    this.soon(true);
  }

  /** Scroll to the current match, wherever it is in its line. */
  private reveal(height: number): void {
    const line = this.revealing;
    if (line < 0 || !this.cache.get(line)) return; // called again when the line is there
    this.revealing = -1;
    const view = this.pane.getBoundingClientRect();
    const spot = this.drawn.placeOf(line);
    if (!spot) return;
    const fromTop = spot.top - view.top;
    if (fromTop < LINE_HEIGHT || fromTop > height - 2 * LINE_HEIGHT) {
      this.moveBy(fromTop - height / 2);
    }
    const fromLeft = spot.left - view.left;
    if (fromLeft < 0 || spot.right > view.right) this.pane.scrollLeft += fromLeft - view.width / 2;
  }

  private async showWhole(number: number): Promise<void> {
    const revision = this.values?.revision ?? 0;
    const line = this.cache.get(number);
    if (!line) return;
    const text = await this.requests.whole(number, revision);
    if (revision !== this.values?.revision) return;
    this.cache.put(number, [[text, line[1], 0, line[3], line[4]]]);
    this.soon(true);
  }
}
