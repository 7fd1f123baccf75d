import { describe, expect, test } from "vitest";
import { linesAtEnd, MAX_PIXELS, moved, ScrollMap } from "../src/log_view/scroll_map.ts";
import { labelWidth } from "../src/log_view/row.ts";
import { copiedText, countText, matchText } from "../src/log_view/toolbar.ts";
import { highlighted, lastState, pieces } from "../src/log_view/ansi.ts";
import { CHUNK, WindowCache, type Line } from "../src/log_view/window_cache.ts";

const text = (line: string) => pieces(line).map((piece) => piece.text).join("");

describe("a line as it shows", () => {
  test.each([
    ["plain ü 漢", "plain ü 漢"],
    ["\x1b[31mred\x1b[0m and plain", "red and plain"],
    ["\x1b]8;;http://evil\x1b\\click\x1b]8;;\x07", "click"],
    ["\x1b[2J\x1b[10;3Hmoved", "moved"],
    ["\x1b(B\x1b[mreset", "reset"],
    ["\x1bé \x1b😀", "␛é ␛😀"],
    ["10%\r50%\r100%", "100%"],
    ["crlf\r", "crlf"],
    ["a\x00b\x07", "a\u2400b\u2407"],
    ["abc\u202edef", "abc<U+202E>def"],
    ["<script>alert(1)</script>", "<script>alert(1)</script>"],
    ["&lt; & <b>", "&lt; & <b>"],
    ["", ""],
  ])("%j", (line, shown) => {
    expect(text(line)).toBe(shown);
  });

  test("colours become classes", () => {
    const [red, plain] = pieces("\x1b[1;31mred\x1b[0m plain");
    expect(red).toEqual({ text: "red", classes: "ansi-red bold" });
    expect(plain).toEqual({ text: " plain", classes: "" });
  });

  test("of a progress bar the last state", () => {
    expect(lastState("\r 10%\r 20%")).toBe(" 20%");
  });

  test("matches are pieces of their own, across colours and cases", () => {
    const parts = highlighted(pieces("a\x1b[31mNee\x1b[0mdle needle"), "needle");
    expect(parts.filter((part) => part.match).map((part) => part.text)).toEqual([
      "Nee",
      "dle",
      "needle",
    ]);
    expect(parts.map((part) => part.text).join("")).toBe("aNeedle needle");
  });
});

describe("the scrollbar", () => {
  test.each([10, 1_000, 1_000_000, 50_000_000])("reaches every one of %i lines", (lines) => {
    const map = new ScrollMap(lines, 18, 300);
    expect(map.height).toBeLessThanOrEqual(MAX_PIXELS);
    expect(map.top(0)).toBe(0);
    expect(map.top(map.height)).toBeCloseTo(map.lastTop, 6);
    for (const top of [0, 1, lines / 2, map.lastTop]) {
      const inRange = Math.min(top, map.lastTop);
      expect(map.top(map.scrollTop(inRange))).toBeCloseTo(inRange, 3);
    }
  });

  test("has nowhere to go where all fits", () => {
    const map = new ScrollMap(5, 18, 300);
    expect([map.lastTop, map.top(100), map.scrollTop(3)]).toEqual([0, 0, 0]);
  });
});

describe("rows of several heights", () => {
  const heights = [18, 90, 18, 36];
  const heightOf = (line: number) => heights[line] ?? 18;

  test.each([
    [36, 1],
    [45, 1.5],
    [162, 4],
    [1000, 4],
  ])("of which %i pixels are the last %d lines", (pixels, lines) => {
    expect(linesAtEnd(4, pixels, heightOf)).toBe(lines);
  });

  test.each([
    [0, 9, 0.5],
    [0, 18, 1],
    [0, 63, 1.5],
    [1.5, -45, 1],
    [1.5, -54, 0.5],
    [3, -126, 0],
    [3, -1000, 0],
    [3, 1000, 4],
    [2.5, 0, 2.5],
  ])("from line %d by %i pixels to line %d", (from, pixels, to) => {
    expect(moved(from, pixels, 4, heightOf)).toBeCloseTo(to, 9);
  });
});

describe("the lines that are held", () => {
  const line = (number: number): Line => [`line ${number}`, 0, 0, "", ""];
  const lines = (start: number, count: number) =>
    Array.from({ length: count }, (_, index) => line(start + index));

  test("are those that came", () => {
    const cache = new WindowCache();
    cache.put(195, lines(195, 10));
    expect(cache.get(199)?.[0]).toBe("line 199");
    expect(cache.get(204)?.[0]).toBe("line 204");
    expect(cache.get(205)).toBeUndefined();
    expect(cache.missing(195, 205)).toEqual([]);
    expect(cache.missing(190, 210)).toEqual([
      [0, CHUNK],
      [CHUNK, 2 * CHUNK],
    ]);
  });

  test("are never more than a bounded number", () => {
    const cache = new WindowCache();
    for (let start = 0; start < 1_000_000; start += CHUNK) cache.put(start, lines(start, CHUNK));
    const held = Array.from({ length: 1_000_000 / CHUNK }, (_, key) => cache.get(key * CHUNK));
    expect(held.filter(Boolean).length).toBeLessThanOrEqual(60);
    expect(cache.get(999_999)?.[0]).toBe("line 999999");
  });
});

test("counts and matches in words", () => {
  expect(countText(1_204_331, 1_204_331)).toBe("1,204,331 lines");
  expect(countText(1, 5000)).toBe("1 line of 5,000");
  expect(matchText(-1, -1, false)).toBe("");
  expect(matchText(0, -1, true)).toBe("searching…");
  expect(matchText(0, -1, false)).toBe("no match");
  expect(matchText(3, -1, false)).toBe("3 matches");
  expect(matchText(3, 1, true)).toBe("2 of 3+ matches");
});

test("the column of the tasks is as wide as their names, within limits", () => {
  expect(labelWidth([])).toBe(8);
  expect(labelWidth(["start", "train", "end"])).toBe(9);
  expect(labelWidth(["a_step_with_quite_a_long_name"])).toBe(24);
});

test("a copy that is not of all lines says so", () => {
  const cut = "✓ without the first 1,234 lines: download them";
  expect([0, 1234, null].map(copiedText)).toEqual(["✓", cut, "✗"]);
});
