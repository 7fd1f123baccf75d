// Between the scrollbar and line numbers. Virtual-scroll libraries place rows by pixels, and
// browsers cannot: Firefox ends at 17.9 million, where a million lines of 18 pixels are more.

export const MAX_PIXELS = 8_000_000;

export class ScrollMap {
  constructor(
    readonly lines: number,
    readonly lineHeight: number,
    readonly viewHeight: number,
  ) {}

  /** Height of the scrolled area. */
  get height(): number {
    return Math.min(MAX_PIXELS, this.lines * this.lineHeight);
  }

  /** The greatest line number, with a fraction, that can stand at the top. */
  get lastTop(): number {
    return Math.max(0, this.lines - this.viewHeight / this.lineHeight);
  }

  private get range(): number {
    return Math.max(0, this.height - this.viewHeight);
  }

  /** The line, with a fraction, at the top for a scroll position. */
  top(scrollTop: number): number {
    return this.range ? Math.min(1, Math.max(0, scrollTop / this.range)) * this.lastTop : 0;
  }

  /** The scroll position that has a line at the top. */
  scrollTop(top: number): number {
    return this.lastTop ? (Math.min(top, this.lastTop) / this.lastTop) * this.range : 0;
  }
}
