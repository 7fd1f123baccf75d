// The rows in the document: the visible ones, and some more above and below.

import { html } from "../core/dom.ts";
import { MARK, rowOf, same, type Content } from "./row.ts";

/** The height in the style sheet; the height of a wrapped line is a multiple of it. */
export const LINE_HEIGHT = 18;

export class DrawnRows {
  readonly element = html("div", { class: "nbr-log-rows" });
  /** Lines from the first one to the one before `stop` are drawn. */
  first = 0;
  stop = 0;
  private contents = new Map<number, Content>();

  /**
   * Draw lines. A row with the same content stays the same element, so that a selection or a
   * click in it is not lost.
   */
  draw(first: number, stop: number, contentOf: (line: number) => Content): void {
    const before = this.contents;
    const rows = new Map<number, Element>();
    [...this.element.children].forEach((row, index) => {
      const line = this.first + index;
      if (line >= first && line < stop) rows.set(line, row);
      else row.remove();
    });
    this.contents = new Map();
    let next = this.element.firstElementChild;
    for (let line = first; line < stop; line += 1) {
      const content = contentOf(line);
      this.contents.set(line, content);
      const [row, shown] = [rows.get(line), before.get(line)];
      if (row) next = row.nextElementSibling;
      if (row && shown && same(shown, content)) continue;
      const made = rowOf(line, content);
      if (row) row.replaceWith(made);
      else this.element.insertBefore(made, next);
    }
    this.first = first;
    this.stop = Math.max(first, stop);
  }

  private row(line: number): HTMLElement | undefined {
    return this.element.children[line - this.first] as HTMLElement | undefined;
  }

  /** The height of a row; the usual height if it is not drawn. */
  heightOf = (line: number): number => {
    const row = line >= this.first && line < this.stop ? this.row(line) : undefined;
    return row?.offsetHeight || LINE_HEIGHT;
  };

  /** Pixels from the top of the first row to a line number with a fraction. */
  offsetOf(top: number): number {
    const line = Math.floor(top);
    const row = this.row(line);
    if (!row) return (top - this.first) * LINE_HEIGHT;
    return row.offsetTop + (top - line) * row.offsetHeight;
  }

  /** Whether text of these rows is selected. */
  isSelected(): boolean {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed) return false;
    return [selection.anchorNode, selection.focusNode].some((node) => this.element.contains(node));
  }

  /** The height of all rows together. */
  get height(): number {
    return this.element.offsetHeight;
  }

  /** The rectangle of a line's first match, or else of the line; null if it is not drawn. */
  placeOf(line: number): DOMRect | null {
    const row = this.row(line);
    return (row?.querySelector(MARK) ?? row)?.getBoundingClientRect() ?? null;
  }
}
