// One row of the table: its elements stay, their content changes.

import { RUN_GLYPHS } from "../core/states.ts";
import { ActionButtons, type Action } from "../core/buttons.ts";
import { copyText, html, icon, say } from "../core/dom.ts";

export interface Column {
  name: string;
  label: string;
  numeric: boolean;
  sortable: boolean;
}

export interface Row {
  key: string;
  status: string;
  cells: string[];
  done: number | null;
  actions: Action[];
  /** The text for "Copy code", if a row has that button. */
  code?: string;
}

const COPIED_MS = 1500;

/** A row of an active run changes several times a second, without losing a click in progress. */
export class TableRow {
  readonly element: HTMLElement;
  private readonly state = html("td", { class: "nbr-row-state" });
  private readonly shape = html("span", { "aria-hidden": "true", class: "nbr-badge-shape" });
  private readonly word = html("span");
  private readonly cells: HTMLElement[];
  private readonly actions: ActionButtons;
  private readonly copy: HTMLButtonElement;
  private readonly gone = new AbortController();
  private code = "";
  private shown = "";

  constructor(
    private readonly columns: readonly Column[],
    act: (name: string) => Promise<unknown>,
    tableSignal: AbortSignal,
  ) {
    const signal = AbortSignal.any([tableSignal, this.gone.signal]);
    this.state.append(this.shape, this.word);
    this.cells = columns.map(({ name, numeric }) =>
      html("td", { class: numeric ? "nbr-number" : null, "data-column": name }),
    );
    const buttons = html("span", { class: "nbr-row-actions" });
    this.actions = new ActionButtons(buttons, act, signal);
    this.copy = html("button", { type: "button", class: "nbr-button" }, icon("copy"));
    this.copy.addEventListener("click", () => void this.copyCode(), { signal });
    this.element = html("tr", {}, this.state, ...this.cells, html("td", {}, buttons));
  }

  /** Show a row; runs of `flow`, which the title names, are shown by their id alone. */
  update(row: Row, flow = ""): void {
    const now = JSON.stringify([row, flow]);
    if (now === this.shown) return;
    this.shown = now;
    this.state.dataset["state"] = row.status;
    say(this.shape, RUN_GLYPHS[row.status as keyof typeof RUN_GLYPHS] ?? "·");
    say(this.word, row.status);
    this.cells.forEach((td, index) => {
      const text = row.cells[index] ?? "";
      if (index === 0) showName(td, withoutFlow(text, flow));
      else say(td, text);
      td.title = text;
      if (this.columns[index]?.name === "progress") showProgress(td, row.done);
    });
    const name = row.cells[0] ?? row.key;
    this.code = row.code ?? "";
    this.copy.title = this.code;
    this.copy.setAttribute("aria-label", `Copy code ${name}`);
    this.actions.update(row.actions, name, this.code ? [this.copy] : []);
  }

  /** Release a row that is no longer shown. */
  close(): void {
    this.gone.abort();
  }

  private async copyCode(): Promise<void> {
    this.copy.textContent = (await copyText(this.code)) ? "✓" : "✗";
    setTimeout(() => this.copy.replaceChildren(icon("copy")), COPIED_MS);
  }
}

/** Show a pathspec, which may break before the run's id and nowhere within. */
function showName(td: HTMLElement, name: string): void {
  if (td.textContent === name) return;
  const at = name.indexOf("/") + 1;
  td.replaceChildren(name.slice(0, at), html("wbr"), name.slice(at));
}

function withoutFlow(pathspec: string, flow: string): string {
  return flow && pathspec.startsWith(`${flow}/`) ? pathspec.slice(flow.length + 1) : pathspec;
}

function showProgress(td: HTMLElement, done: number | null): void {
  const isUnderWay = done !== null && done < 1;
  td.classList.toggle("nbr-progress", isUnderWay);
  if (isUnderWay) td.style.setProperty("--nbr-done", `${Math.round(done * 100)}%`);
}
