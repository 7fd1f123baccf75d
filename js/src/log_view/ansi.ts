// A line as a terminal would show it, in styled pieces, with every character visible.

import Anser from "anser";

export interface Piece {
  text: string;
  /** Class names: colours and decorations. */
  classes: string;
}

const HYPERLINK = /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;
// Cursor movements and similar; Anser handles colours (final byte m).
const MOVEMENT = /\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b[ -/]*[0-Z\\^-~]/g;
const CONTROL = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g;
// Marks of direction and invisible characters, which would make text look different from what it is.
const MISLEADING = /[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]/g;

function codePoint(character: string): string {
  return `<U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`;
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : codePoint(character);
}

/** The last state of a line that a progress bar has rewritten. */
export function lastState(line: string): string {
  const whole = line.replace(/\r+$/, "");
  return whole.slice(whole.lastIndexOf("\r") + 1);
}

/** Split a line into pieces of one style. */
export function pieces(line: string): Piece[] {
  const plain = lastState(line).replace(HYPERLINK, "").replace(MOVEMENT, "");
  const found: Piece[] = [];
  for (const part of Anser.ansiToJson(plain, { use_classes: true, json: true })) {
    if (!part.content) continue;
    const text = part.content
      .replace(/\x1b/g, "\u241b")
      .replace(CONTROL, picture)
      .replace(MISLEADING, codePoint);
    const classes = [part.fg, part.bg && `bg-${part.bg}`, ...part.decorations].filter(Boolean);
    found.push({ text, classes: classes.join(" ") });
  }
  return found;
}

/** Split pieces so that every occurrence of a text is a piece of its own, marked as a match. */
export function highlighted(parts: Piece[], query: string): (Piece & { match: boolean })[] {
  if (!query) return parts.map((part) => ({ ...part, match: false }));
  const text = parts.map((part) => part.text).join("").toLowerCase();
  const wanted = query.toLowerCase();
  const inside = new Array<boolean>(text.length).fill(false);
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    inside.fill(true, at, at + wanted.length);
  }
  const found: (Piece & { match: boolean })[] = [];
  let offset = 0;
  for (const part of parts) {
    let start = 0;
    for (let end = 1; end <= part.text.length; end += 1) {
      const match = inside[offset + start] ?? false;
      if (end === part.text.length || (inside[offset + end] ?? false) !== match) {
        found.push({ text: part.text.slice(start, end), classes: part.classes, match });
        start = end;
      }
    }
    offset += part.text.length;
  }
  return found;
}
