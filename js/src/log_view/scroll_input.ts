// Keys and wheel over the lines of a log.

import { LINE_HEIGHT } from "./drawn_rows.ts";

export interface Movable {
  moveBy(pixels: number): void;
  moveTo(line: number): void;
  readonly lines: number;
  /** Whether the browser's own scrolling is unsuitable, in the direction of `down`. */
  takesWheel(down: boolean): boolean;
}

const SIDEWAYS_PIXELS = 80;

export function moving(pane: HTMLElement, log: Movable, signal: AbortSignal): void {
  pane.addEventListener("wheel", (event) => turned(event, pane, log), { signal });
  pane.addEventListener("keydown", (event) => pressed(event, pane, log), { signal });
}

function turned(event: WheelEvent, pane: HTMLElement, log: Movable): void {
  const { deltaX, deltaY, deltaMode } = event;
  if (event.ctrlKey || !deltaY || !log.takesWheel(deltaY > 0)) return;
  event.preventDefault();
  const unit = [1, LINE_HEIGHT, pane.clientHeight][deltaMode] ?? 1;
  pane.scrollLeft += deltaX * unit;
  log.moveBy(deltaY * unit);
}

function pressed(event: KeyboardEvent, pane: HTMLElement, log: Movable): void {
  if (event.target !== pane || event.ctrlKey || event.metaKey || event.altKey) return;
  const page = Math.max(LINE_HEIGHT, pane.clientHeight - LINE_HEIGHT);
  const moves: Record<string, () => void> = {
    ArrowUp: () => log.moveBy(-LINE_HEIGHT),
    ArrowDown: () => log.moveBy(LINE_HEIGHT),
    PageUp: () => log.moveBy(-page),
    PageDown: () => log.moveBy(page),
    ArrowLeft: () => pane.scrollBy({ left: -SIDEWAYS_PIXELS }),
    ArrowRight: () => pane.scrollBy({ left: SIDEWAYS_PIXELS }),
    Home: () => log.moveTo(0),
    End: () => log.moveTo(log.lines),
  };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  move();
}
