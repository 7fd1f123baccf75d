// The value of an artifact, as text, table, image or page.

import { html } from "../core/dom.ts";
import { blobPart } from "../core/rpc.ts";

export interface Value {
  name: string;
  view: "text" | "table" | "image" | "html" | "large";
  text: string;
  columns: string[];
  rows: string[][];
  cut: string;
  mime: string;
  buffers: DataView[];
}

/** Show a value; `later` gets a function to call when it is removed. */
export function valueView(value: Value, later: (undo: () => void) => void): HTMLElement {
  const shown = html("div", { class: "nbr-value" }, part(value, later));
  if (value.cut) shown.append(html("div", { class: "nbr-remark" }, value.cut));
  return shown;
}

function part(value: Value, later: (undo: () => void) => void): HTMLElement {
  switch (value.view) {
    case "table":
      return table(value);
    case "image": {
      const url = URL.createObjectURL(new Blob(value.buffers.map(blobPart), { type: value.mime }));
      later(() => URL.revokeObjectURL(url));
      return html("img", { src: url, alt: value.name, class: "nbr-image" });
    }
    case "html":
      // Scripts are disabled in it.
      return html("iframe", {
        class: "nbr-frame",
        sandbox: "",
        srcdoc: value.text,
        title: value.name,
      });
    default:
      return html("pre", { class: "nbr-scroll", tabindex: 0 }, value.text);
  }
}

function table({ name, columns, rows }: Value): HTMLElement {
  const numeric = columns.map((_, index) => rows.every((row) => isNumber(row[index] ?? "")));
  const side = (index: number) => ({ class: numeric[index] ? "nbr-number" : null });
  return html(
    "div",
    { class: "nbr-scroll", tabindex: 0 },
    html(
      "table",
      { class: "nbr-table", "aria-label": name },
      html("thead", {}, html("tr", {}, ...columns.map((column, n) => html("th", side(n), column)))),
      html(
        "tbody",
        {},
        ...rows.map((row) => html("tr", {}, ...row.map((cell, n) => html("td", side(n), cell)))),
      ),
    ),
  );
}

export const isNumber = (text: string): boolean => text !== "" && !Number.isNaN(Number(text));
