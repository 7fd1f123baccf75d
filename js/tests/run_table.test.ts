import { afterEach, beforeEach, expect, test } from "vitest";
import { flowOf, runTable, type TableValues } from "../src/run_table/component.ts";

const column = (name: string) => ({ name, label: name, numeric: false, sortable: true });
const action = (name: string) => ({ name, label: name, disabled: false, hint: "" });
const row = (key: string, time: string, actions = ["Open", "Stop"]) => ({
  key,
  status: "running",
  cells: [`Flow/${key}`, time],
  done: 0.5,
  actions: actions.map(action),
});
const values: TableValues = {
  label: "Runs", title: "2 runs", columns: [column("run"), column("progress")],
  rows: [row("1", "0:01"), row("2", "0:01")],
  actions: [], sort: "", descending: false, summary: "", filters: false, statuses: [], query: "",
  status: "", namespaces: [], namespace: "", page: 0, pages: 1, loading: false, error: "",
};

let controller: AbortController;
let pressed: string[];
let table: ReturnType<typeof runTable>;

beforeEach(() => {
  controller = new AbortController();
  pressed = [];
  const act = async (name: string, key: string) => void pressed.push(`${name} ${key}`);
  table = runTable({ act, set: () => undefined }, controller.signal);
  document.body.replaceChildren(table.element);
  table.update(values);
});

afterEach(() => controller.abort());

const button = (label: string) => table.element.querySelector<HTMLElement>(`[aria-label="${label}"]`)!;
const names = () => [...table.element.querySelectorAll("tbody tr")].map((tr) => tr.children[1]!.textContent);

test("a row that changes stays the element that it is", () => {
  const open = button("Open Flow/2");
  open.focus();
  table.update({ ...values, rows: [row("1", "0:02"), row("2", "0:03")] });
  expect(button("Open Flow/2")).toBe(open);
  expect(table.element.textContent).toContain("0:03");
  // Also if another row moves to the first place.
  table.update({ ...values, rows: [row("2", "0:03"), row("1", "0:02")] });
  expect(names()).toEqual(["Flow/2", "Flow/1"]);
  expect(document.activeElement).toBe(open);
  open.click();
  expect(pressed).toEqual(["Open 2"]);
});

test("the focus of a button that goes is its neighbour's", () => {
  button("Stop Flow/1").focus();
  table.update({ ...values, rows: [row("1", "0:02", ["Open", "Resume"]), row("2", "0:03")] });
  expect(document.activeElement).toBe(button("Resume Flow/1"));
  table.update({ ...values, rows: [row("2", "0:03")] });
  expect(document.activeElement?.closest("tr")).toBe(button("Stop Flow/2").closest("tr"));
});

test("other columns are other rows", () => {
  table.update({ ...values, columns: [column("run")], rows: [{ ...row("1", ""), cells: ["Flow/1"] }] });
  expect(table.element.querySelectorAll("tbody td")).toHaveLength(3);
});

test("where the title names the flow, a run is called by its id; its buttons by all of it", () => {
  expect(["Runs of Flow", "Flow: 2 runs, 2 at once", "2 runs", "Runs of all flows"].map(flowOf)).toEqual([
    "Flow", "Flow", "", "",
  ]);
  table.update({ ...values, title: "Flow: 2 runs, 2 at once" });
  expect(names()).toEqual(["1", "2"]);
  expect(button("Open Flow/1")).not.toBeNull();
  expect(table.element.querySelector("tbody td:nth-child(2)")!.getAttribute("title")).toBe("Flow/1");
});
