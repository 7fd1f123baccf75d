// Between the scrollbar, pixels and line numbers. Virtual-scroll libraries place rows by pixels,
// and browsers cannot: Firefox ends at 17.9 million, where a million lines of 18 pixels are more.

export const MAX_PIXELS = 8_000_000;

/** The height of a line's row, in pixels. */
export type HeightOf = (line: number) => number;

/** How many lines, with a fraction, fill the view at the end of the log; all of them if it is short. */
export function linesAtEnd(lines: number, viewHeight: number, heightOf: HeightOf): number {
  let left = viewHeight;
  for (let line = lines - 1; line >= 0; line -= 1) {
    const height = heightOf(line);
    if (height >= left) return lines - line - 1 + left / height;
    left -= height;
  }
  return lines;
}

/** The line, with a fraction, that many pixels below another one (above it if negative). */
export function moved(top: number, pixels: number, lines: number, heightOf: HeightOf): number {
  let line = Math.floor(top);
  // Start at the beginning of that line, but not above the first one.
  let left = pixels + (top - line) * heightOf(line);
  while (left < 0 && line > 0) {
    line -= 1;
    left += heightOf(line);
  }
  while (line < lines && left >= heightOf(line)) {
    left -= heightOf(line);
    line += 1;
  }
  return line < lines ? Math.max(0, line + left / heightOf(line)) : lines;
}

/** Maps positions of the scrollbar to the line at the top. */
export class ScrollMap {
  constructor(
    readonly lines: number,
    /** The height of a row, or the average height. */
    readonly lineHeight: number,
    readonly viewHeight: number,
    /** The greatest line number, with a fraction, that can be at the top. */
    readonly lastTop = Math.max(0, lines - viewHeight / lineHeight),
  ) {}

  /** The height of the scrolled area, in pixels. */
  get height(): number {
    return Math.min(MAX_PIXELS, this.lines * this.lineHeight);
  }

  private get range(): number {
    return Math.max(0, this.height - this.viewHeight);
  }

  /** The line, with a fraction, at the top for a scroll position. */
  top(scrollTop: number): number {
    return this.range ? Math.min(1, Math.max(0, scrollTop / this.range)) * this.lastTop : 0;
  }

  /** The scroll position for a line at the top. */
  scrollTop(top: number): number {
    return this.lastTop ? (Math.min(top, this.lastTop) / this.lastTop) * this.range : 0;
  }
}
