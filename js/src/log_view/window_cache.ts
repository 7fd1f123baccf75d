// The lines in the browser: a bounded part of the log, in chunks.

/** [text, stream (0 stdout, 1 stderr), characters not sent, time, label] */
export type Line = [string, number, number, string, string];

export const CHUNK = 200;
const MAX_CHUNKS = 60;

export class WindowCache {
  private chunks = new Map<number, (Line | undefined)[]>();

  get(number: number): Line | undefined {
    return this.chunks.get(Math.floor(number / CHUNK))?.[number % CHUNK];
  }

  put(start: number, lines: readonly Line[]): void {
    lines.forEach((line, index) => {
      const number = start + index;
      const key = Math.floor(number / CHUNK);
      let chunk = this.chunks.get(key);
      if (!chunk) {
        chunk = [];
        this.chunks.set(key, chunk);
      }
      chunk[number % CHUNK] = line;
    });
    this.forget(start);
  }

  clear(): void {
    this.chunks.clear();
  }

  /** The chunks, as [start, stop), in which lines of a range are missing. */
  missing(start: number, stop: number): [number, number][] {
    const found: [number, number][] = [];
    for (let key = Math.floor(start / CHUNK); key * CHUNK < stop; key += 1) {
      const from = Math.max(start, key * CHUNK);
      const to = Math.min(stop, (key + 1) * CHUNK);
      for (let number = from; number < to; number += 1) {
        if (!this.get(number)) {
          found.push([key * CHUNK, (key + 1) * CHUNK]);
          break;
        }
      }
    }
    return found;
  }

  /** Drop the chunks that are farthest from the visible lines. */
  private forget(here: number): void {
    if (this.chunks.size <= MAX_CHUNKS) return;
    const center = here / CHUNK;
    const far = [...this.chunks.keys()].sort((a, b) => Math.abs(b - center) - Math.abs(a - center));
    for (const key of far.slice(0, this.chunks.size - MAX_CHUNKS)) this.chunks.delete(key);
  }
}
