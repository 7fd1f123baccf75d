// What cannot be known of rows before they are drawn: how high they are.

import { LINE_HEIGHT, type DrawnRows } from "./drawn_rows.ts";
import { linesAtEnd } from "./scroll_map.ts";

export class Heights {
  /** How many lines, with a fraction, fill the view at the end; as measured last. */
  atEnd = 0;
  /** How high a row is on the average. */
  average = LINE_HEIGHT;
  private of = "";

  /** Where no line wraps, rows are all alike. */
  beAlike(viewHeight: number): void {
    this.atEnd = viewHeight / LINE_HEIGHT;
    this.average = LINE_HEIGHT;
    this.of = "";
  }

  /**
   * Learn from the rows that are drawn; tell whether their average is another than before.
   *
   * The scrollbar does not jump with every row: the average is taken anew for other ones only,
   * as `what` tells, which is empty while they are not there, and while all are drawn.
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
