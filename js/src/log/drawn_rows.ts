// The rows that are in the document: those that one sees, and some more above and below.

import { html } from "../shared/dom.ts";
import { MARK } from "./row.ts";

/** As the style sheet has it; a line that wraps is a multiple of it. */
export const LINE_HEIGHT = 18;

export class DrawnRows {
  readonly element = html("div", { class: "nbr-log-rows" });
  /** Lines from the first one to the one before `stop` are drawn. */
  first = 0;
  stop = 0;

  draw(first: number, stop: number, rowOf: (line: number) => HTMLElement): void {
    const rows: HTMLElement[] = [];
    for (let line = first; line < stop; line += 1) rows.push(rowOf(line));
    this.element.replaceChildren(...rows);
    this.first = first;
    this.stop = Math.max(first, stop);
  }

  private row(line: number): HTMLElement | undefined {
    return this.element.children[line - this.first] as HTMLElement | undefined;
  }

  /** As the row is, and as most are where it is not drawn. */
  heightOf = (line: number): number => {
    const row = line >= this.first && line < this.stop ? this.row(line) : undefined;
    return row?.offsetHeight || LINE_HEIGHT;
  };

  /** Pixels from the first row's top to where a line, with a fraction, begins. */
  offsetOf(top: number): number {
    const line = Math.floor(top);
    const row = this.row(line);
    if (!row) return (top - this.first) * LINE_HEIGHT;
    return row.offsetTop + (top - line) * row.offsetHeight;
  }

  /** All rows together. */
  get height(): number {
    return this.element.offsetHeight;
  }

  /** Where a line's first match stands, or else the line; null if it is not drawn. */
  placeOf(line: number): DOMRect | null {
    const row = this.row(line);
    return (row?.querySelector(MARK) ?? row)?.getBoundingClientRect() ?? null;
  }
}
