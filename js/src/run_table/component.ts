// A table of runs; the kernel decides which rows it has, and their order.

import type { Component } from "../core/adapter.ts";
import { ActionButtons, type Action } from "../core/buttons.ts";
import { arrange, html, keepingFocus } from "../core/dom.ts";
import { remark } from "../core/fold.ts";
import { TableRow, type Column, type Row } from "./row.ts";
import "../core/colours.css";
import "../core/states.css";
import "../status_badge/status_badge.css";
import "../core/base.css";
import "../run_header/run_header.css";
import "../core/fold.css";
import "./run_table.css";

export interface TableValues {
  label: string;
  title: string;
  columns: Column[];
  rows: Row[];
  actions: Action[];
  sort: string;
  descending: boolean;
  summary: string;
  filters: boolean;
  statuses: string[];
  query: string;
  status: string;
  namespaces: string[];
  namespace: string;
  page: number;
  pages: number;
  loading: boolean;
  error: string;
}

export interface TableRequests {
  act(name: string, key: string): Promise<unknown>;
  set(values: Partial<TableValues>): void;
}

const SEARCH_DELAY_MS = 250;

export function runTable(requests: TableRequests, signal: AbortSignal): Component<TableValues> {
  return new RunTable(requests, signal);
}

class RunTable implements Component<TableValues> {
  readonly element: HTMLElement;
  private readonly title = html("span", { class: "nbr-table-title" });
  private readonly actions: ActionButtons;
  private readonly filters: ReturnType<typeof filterBar>;
  private readonly head = html("tr");
  private readonly body = html("tbody");
  private readonly summary = html("span", { class: "nbr-remark" });
  private readonly note = remark();
  private readonly pager: ReturnType<typeof pageBar>;
  private readonly table: HTMLElement;
  private values: TableValues | null = null;
  private rows = new Map<string, TableRow>();
  private columns = "";
  private shownHead = "";

  constructor(
    private readonly requests: TableRequests,
    private readonly signal: AbortSignal,
  ) {
    this.filters = filterBar(requests, signal);
    this.pager = pageBar(requests, signal);
    const buttons = html("span", { class: "nbr-actions" });
    this.actions = new ActionButtons(buttons, (name) => requests.act(name, ""), signal);
    this.table = html("table", { class: "nbr-table nbr-runs" }, html("thead", {}, this.head), this.body);
    this.element = html(
      "div",
      { class: "nbr nbr-table-frame" },
      html("div", { class: "nbr-headline" }, this.title, this.filters.element, buttons),
      html("div", { class: "nbr-scroll-x" }, this.table),
      this.note.element,
      html("div", { class: "nbr-table-foot" }, this.summary, this.pager.element),
    );
  }

  update(values: TableValues): void {
    this.values = values;
    this.title.textContent = values.title;
    this.table.setAttribute("aria-label", values.title || values.label);
    this.filters.update(values);
    this.pager.update(values);
    this.summary.textContent = values.summary;
    const empty = values.rows.length || values.loading ? "" : "no runs";
    this.note.update(values.loading && !values.rows.length, values.error, empty);
    this.table.setAttribute("aria-busy", String(values.loading));
    this.drawHead(values);
    this.drawRows(values);
    this.actions.update(values.actions);
  }

  private drawRows({ columns, rows, title }: TableValues): void {
    const flow = flowOf(title);
    const of = JSON.stringify(columns);
    const before = this.rows;
    const kept = of === this.columns ? before : new Map<string, TableRow>();
    this.columns = of;
    this.rows = new Map();
    for (const row of rows) {
      const act = (name: string) => this.requests.act(name, row.key);
      const drawn = kept.get(row.key) ?? new TableRow(columns, act, this.signal);
      drawn.update(row, flow);
      this.rows.set(row.key, drawn);
    }
    const drawn = [...this.rows.values()];
    keepingFocus(this.body, () => arrange(this.body, drawn.map(({ element }) => element)));
    for (const row of before.values()) if (!drawn.includes(row)) row.close();
  }

  private drawHead({ columns, sort, descending }: TableValues): void {
    const now = JSON.stringify([columns, sort, descending]);
    if (now === this.shownHead) return;
    this.shownHead = now;
    const cells = columns.map((column) => {
      const sorted = column.name === sort ? (descending ? "descending" : "ascending") : null;
      const side = column.numeric ? "nbr-number" : null;
      if (!column.sortable) return html("th", { class: side, scope: "col" }, column.label);
      const sign = sorted ? (descending ? "▾" : "▴") : "";
      const arrow = html("span", { class: "nbr-sort-arrow", "aria-hidden": "true" }, sign);
      const said = column.numeric ? [arrow, column.label] : [column.label, arrow];
      const button = html("button", { type: "button", class: "nbr-sort" }, ...said);
      button.addEventListener("click", () => this.sortBy(column.name), { signal: this.signal });
      return html("th", { class: side, scope: "col", "aria-sort": sorted }, button);
    });
    const state = html("th", { scope: "col" }, "State");
    const actions = html("th", { scope: "col", "aria-label": "Actions" });
    keepingFocus(this.head, () => this.head.replaceChildren(state, ...cells, actions));
  }

  private sortBy(name: string): void {
    const { sort, descending } = this.values ?? { sort: "", descending: false };
    // Descending, ascending, then the original order.
    if (sort !== name) this.requests.set({ sort: name, descending: false });
    else if (!descending) this.requests.set({ descending: true });
    else this.requests.set({ sort: "", descending: false });
  }
}

/** The flow of all rows in a title such as "Runs of TrainFlow" or "TrainFlow: 4 runs". */
export function flowOf(title: string): string {
  const found = /^Runs of (\S+)$|^(\S+): /.exec(title);
  return found?.[1] ?? found?.[2] ?? "";
}

function filterBar(requests: TableRequests, signal: AbortSignal) {
  const search = html("input", {
    type: "search",
    class: "nbr-search",
    "aria-label": "Search runs",
    placeholder: "Search runs: id, tag, name=value",
    spellcheck: "false",
  });
  const choice = (name: "status" | "namespace", label: string) => {
    const select = html("select", { class: "nbr-button", "aria-label": label, title: label });
    select.addEventListener("change", () => requests.set({ [name]: select.value, page: 0 }), { signal });
    return select;
  };
  const status = choice("status", "State");
  const namespace = choice("namespace", "Namespace");
  const element = html("span", { class: "nbr-filters" }, search, status, namespace);
  let typing = 0;
  search.addEventListener(
    "input",
    () => {
      clearTimeout(typing);
      typing = window.setTimeout(() => {
        typing = 0;
        requests.set({ query: search.value, page: 0 });
      }, SEARCH_DELAY_MS);
    },
    { signal },
  );
  signal.addEventListener("abort", () => clearTimeout(typing));
  return {
    element,
    update(values: TableValues): void {
      element.hidden = !values.filters;
      if (document.activeElement !== search && !typing) search.value = values.query;
      fill(status, "all states", values.statuses, values.status);
      fill(namespace, "all namespaces", values.namespaces, values.namespace);
      namespace.hidden = !values.namespaces.length;
    },
  };
}

function fill(select: HTMLSelectElement, all: string, names: string[], chosen: string): void {
  if ([...select.options].slice(1).map((option) => option.value).join("\n") !== names.join("\n") || !select.options.length) {
    select.replaceChildren(
      html("option", { value: "" }, all),
      ...names.map((name) => html("option", { value: name }, name)),
    );
  }
  select.value = chosen;
}

function pageBar(requests: TableRequests, signal: AbortSignal) {
  let page = 0;
  const button = (label: string, text: string, way: number) => {
    const made = html("button", { type: "button", class: "nbr-button", "aria-label": label }, text);
    made.addEventListener("click", () => requests.set({ page: page + way }), { signal });
    return made;
  };
  const newer = button("Newer runs", "‹ newer", -1);
  const older = button("Older runs", "older ›", 1);
  const where = html("span", { class: "nbr-remark" });
  const element = html("span", { class: "nbr-actions" }, newer, where, older);
  return {
    element,
    update({ page: now, pages, loading }: TableValues): void {
      page = now;
      element.hidden = pages === 1 && page === 0;
      newer.disabled = page === 0 || loading;
      older.disabled = (pages >= 0 && page + 1 >= pages) || loading;
      where.textContent = `page ${page + 1}${pages > 0 ? ` of ${pages.toLocaleString("en-US")}` : ""}`;
    },
  };
}
