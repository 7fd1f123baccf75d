import { afterEach, beforeEach, expect, test } from "vitest";
import { cards, type CardRow, type CardValues } from "../src/cards/component.ts";
import { header, type HeaderValues } from "../src/run_header/component.ts";

let controller: AbortController;

beforeEach(() => (controller = new AbortController()));
afterEach(() => controller.abort());

const tasks = () => new Promise((done) => setTimeout(done));
const row = (key: string): CardRow => ({ key, step: "train", task: key, type: "default", id: "", stamp: "0" });
const values: CardValues = { unfolded: true, loading: false, error: "", rows: [row("1")], shown: "" };

test("a card that one reads stays when another task has one, and comes anew when asked for", async () => {
  const loaded: string[] = [];
  const card = async (key: string) => (loaded.push(key), `<p>${key}</p>`);
  const requests = { card, reload: () => undefined, set: () => undefined };
  const { element, update } = cards(requests, controller.signal);
  document.body.replaceChildren(element);
  update(values);
  await tasks();
  const frame = element.querySelector("iframe");
  update({ ...values, rows: [row("1"), row("2")] });
  await tasks();
  expect(element.querySelector("iframe")).toBe(frame);
  expect([...element.querySelectorAll("option")].map((each) => each.value)).toEqual(["1", "2"]);
  [...element.querySelectorAll("button")].find((each) => each.textContent === "Refresh")!.click();
  update({ ...values, rows: [row("1"), row("2")] });
  await tasks();
  expect(loaded).toEqual(["1", "1"]);
  update({ ...values, rows: [row("2")] }); // the artifact no longer exists
  await tasks();
  expect(element.querySelector("iframe")?.getAttribute("srcdoc")).toBe("<p>2</p>");
});

test("a card that has changed comes anew, and the earlier one stays until it has", async () => {
  const given: ((page: string) => void)[] = [];
  const card = () => new Promise<string>((done) => given.push(done));
  const set: object[] = [];
  const requests = { card, reload: () => undefined, set: (value: object) => void set.push(value) };
  const { element, update } = cards(requests, controller.signal);
  document.body.replaceChildren(element);
  update(values);
  given[0]!("<p>epoch 1</p>");
  await tasks();
  const page = () => element.querySelector("iframe")?.getAttribute("srcdoc");
  expect([page(), set]).toEqual(["<p>epoch 1</p>", [{ shown: "1" }]]);
  const changed = (stamp: string) => update({ ...values, rows: [{ ...row("1"), stamp }], shown: "1" });
  changed("1");
  await tasks();
  expect(page()).toBe("<p>epoch 1</p>");
  changed("2");
  given[1]!("<p>epoch 2</p>");
  await tasks();
  expect(page()).toBe("<p>epoch 1</p>");
  given[2]!("<p>epoch 5</p>");
  await tasks();
  expect([page(), given.length]).toEqual(["<p>epoch 5</p>", 3]);
});

test("what one selects of a run's name and parameters stays while its time goes on", () => {
  const shown: HeaderValues = {
    label: "Run F/1", title: "F/1", status: "running", detail: "", elapsed: 1,
    parameters: [["n", "3"]], tags: [], warning: "", actions: [], code: { magic: "", python: "" },
  };
  const { element, update } = header(async () => undefined, controller.signal);
  update(shown);
  const texts = () => [".nbr-title", ".nbr-parameter"].map((name) => element.querySelector(name)!.firstChild);
  const before = texts();
  update({ ...shown, elapsed: 2 });
  expect(texts()).toEqual(before);
  expect(texts().every((each, index) => each === before[index])).toBe(true);
  expect(element.querySelector(".nbr-elapsed")?.textContent).toBe("0:02");
  update({ ...shown, parameters: [["n", "3"], ["origin_run_id", "1"]] });
  expect(element.querySelectorAll(".nbr-parameter")).toHaveLength(2);
});
