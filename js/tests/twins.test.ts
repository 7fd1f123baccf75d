import { expect, test } from "vitest";
import cases from "../../tests/text/twins.json";
import { clock, took } from "../src/core/duration.ts";
import { pieces } from "../src/log_view/ansi.ts";

// tests/text/test_twins.py reads the same table, so that both languages produce the same texts.
const visible = (line: string) => pieces(line).map((piece) => piece.text).join("");

test.each(cases.visible as [string, string][])("%j is visible", (line, shown) => {
  expect(visible(line)).toBe(shown);
});

test.each(cases.clock as [number, string][])("%d seconds on a clock", (seconds, shown) => {
  expect(clock(seconds)).toBe(shown);
});

test.each(cases.took as [number, string][])("it took %d seconds", (seconds, shown) => {
  expect(took(seconds)).toBe(shown);
});
