// The cards of a run: pages with scripts, in a frame without access to notebook and kernel.

import type { Component } from "../core/adapter.ts";
import { html } from "../core/dom.ts";
import { fold, remark } from "../core/fold.ts";
import "../core/colours.css";
import "../core/base.css";
import "../core/fold.css";
import "../artifacts/artifacts.css";

export interface CardRow {
  key: string;
  step: string;
  task: string;
  type: string;
  id: string;
  /** Changes when the card changes. */
  stamp: string;
}

export interface CardValues {
  unfolded: boolean;
  loading: boolean;
  error: string;
  rows: CardRow[];
  shown: string;
}

export interface CardRequests {
  card(key: string): Promise<string>;
  reload(): void;
  set(values: Partial<CardValues>): void;
}

export const cardName = ({ step, task, type, id }: CardRow): string =>
  `${step}/${task}: ${id ? `${id} (${type})` : type}`;

export function cards(requests: CardRequests, signal: AbortSignal): Component<CardValues> {
  const frame = fold("Cards", (unfolded) => requests.set({ unfolded }), signal);
  const select = html("select", { "aria-label": "Card", title: "Card", class: "nbr-button" });
  const reload = html("button", { type: "button", class: "nbr-button" }, "Refresh");
  const note = remark();
  const place = html("div");
  frame.body.append(html("div", { class: "nbr-fold-bar" }, select, reload), note.element, place);
  let rows: CardRow[] = [];
  let shown = "";
  let drawn = "";
  let told = "";
  const selected = () => rows.find(({ key }) => key === select.value);
  const tell = (key: string) => {
    if (key !== told) requests.set({ shown: key }); // the kernel watches that card for changes
    told = key;
  };
  const show = async () => {
    const row = selected();
    const before = drawn && (JSON.parse(drawn) as CardRow | "");
    drawn = JSON.stringify(row ?? "");
    tell(row?.key ?? "");
    if (!row) return place.replaceChildren();
    // A refreshed card stays until its new version is loaded.
    const isRefreshed = before && before.key === row.key && place.querySelector("iframe");
    if (!isRefreshed) place.replaceChildren(html("span", { class: "nbr-remark" }, "loading…"));
    try {
      const page = await requests.card(row.key);
      if (drawn !== JSON.stringify(row)) return undefined; // another card or version is loading
      // Without allow-same-origin, a card cannot access the notebook or its cookies.
      const attributes = { class: "nbr-frame", sandbox: "allow-scripts", title: cardName(row) };
      return place.replaceChildren(html("iframe", { ...attributes, srcdoc: page }));
    } catch (error) {
      drawn = "";
      return place.replaceChildren(
        html("div", { class: "nbr-remark nbr-remark-error", role: "alert" }, String(error)),
      );
    }
  };
  select.addEventListener("change", () => void show(), { signal });
  reload.addEventListener(
    "click",
    () => {
      shown = drawn = "";
      requests.reload();
    },
    { signal },
  );
  return {
    element: frame.element,
    update(values) {
      frame.update(values.unfolded);
      rows = values.rows;
      note.update(values.loading && !rows.length, values.error, rows.length ? "" : "no cards yet");
      select.hidden = !rows.length;
      told = values.shown;
      const now = JSON.stringify(rows);
      if (now === shown || values.loading || !values.unfolded) return;
      shown = now;
      const chosen = select.value;
      select.replaceChildren(
        ...rows.map((row) => html("option", { value: row.key }, cardName(row))),
      );
      if (rows.some(({ key }) => key === chosen)) select.value = chosen;
      // The chosen card stays when another task gets one too.
      if (JSON.stringify(selected() ?? "") !== drawn) void show();
    },
  };
}
