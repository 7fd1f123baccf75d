// The heights of rows, which are unknown before they are drawn.

import { LINE_HEIGHT, type DrawnRows } from "./drawn_rows.ts";
import { linesAtEnd } from "./scroll_map.ts";

export class Heights {
  /** How many lines, with a fraction, fill the view at the end, by the last measurement. */
  atEnd = 0;
  /** The average height of a row, in pixels. */
  average = LINE_HEIGHT;
  private of = "";

  /** Without wrapping, all rows have the same height. */
  beAlike(viewHeight: number): void {
    this.atEnd = viewHeight / LINE_HEIGHT;
    this.average = LINE_HEIGHT;
    this.of = "";
  }

  /**
   * Measure the rows that are drawn; return whether the average has changed.
   *
   * The average is measured again only if `what` (revision and width) changes, so that the scrollbar
   * does not jump with every row; or if the number of rows does while all are drawn. `what` is empty
   * while the lines are missing.
   */
  learn(drawn: DrawnRows, lines: number, viewHeight: number, what: string): boolean {
    if (drawn.stop >= lines) this.atEnd = linesAtEnd(lines, viewHeight, drawn.heightOf);
    const count = drawn.stop - drawn.first;
    const of = count >= lines ? `${what} ${count}` : what;
    if (!what || of === this.of || !count) return false;
    this.of = of;
    this.average = drawn.height / count;
    return true;
  }
}
