import { afterEach, beforeEach, expect, test } from "vitest";
import { type Field, type FormValues, launchForm } from "../src/launch_form/component.ts";

const field = (name: string, value: string | boolean, more: Partial<Field> = {}): Field => ({
  name, value, group: "parameter", kind: "str", label: name, required: false, multiple: false,
  choices: [], help: "", hint: "", ...more,
});
const values: FormValues = {
  label: "Launch F", title: "F", doc: "", values: {}, errors: {}, code: "", ready: true, earlier: [],
  fields: [
    field("prompt", "one\ntwo"),
    field("note", "a note"),
    field("table", "{\r\n}", { kind: "json" }),
    field("open", "", { kind: "choice", choices: ["True", "False"], hint: "computed" }),
  ],
};

let controller: AbortController;
let sent: FormValues["values"] | undefined;
let form: ReturnType<typeof launchForm>;

beforeEach(() => {
  controller = new AbortController();
  const set = (changed: Partial<FormValues>) => void (sent = changed.values);
  form = launchForm({ act: async () => undefined, set }, controller.signal);
  document.body.replaceChildren(form.element);
  form.update(values);
});

afterEach(() => controller.abort());

const control = (name: string) =>
  form.element.querySelector<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>(`[name=${name}]`)!;
const submit = () => {
  form.element.dispatchEvent(new Event("submit", { cancelable: true }));
  return sent;
};

test("a value keeps its line ends while another field is changed", () => {
  control("note").value = "changed";
  expect(submit()).toEqual({ prompt: "one\ntwo", note: "changed", table: "{\r\n}", open: "" });
  expect(control("prompt").tagName).toBe("TEXTAREA");
});

test.each(["three", "", "onetwo"])("what is changed is sent as it stands there: %j", (text) => {
  control("prompt").value = text;
  expect(submit()?.["prompt"]).toBe(text);
});

test("a field of one line makes room for a value of several", () => {
  form.update({ ...values, values: { note: "c\nd", open: "False" } });
  expect(control("note").value).toBe("c\nd");
  expect(form.element.querySelector(`label[for="${control("note").id}"]`)?.textContent).toBe("note");
  expect(submit()).toEqual({ prompt: "one\ntwo", note: "c\nd", table: "{\r\n}", open: "False" });
});

test("a choice that is left open says what that means", () => {
  const options = [...(control("open") as HTMLSelectElement).options];
  expect(options.map((each) => [each.value, each.text])).toEqual([
    ["", "computed"], ["True", "True"], ["False", "False"],
  ]);
});

test("fields that are drawn anew hold what was typed", () => {
  control("note").value = "typed";
  const typed = submit()!;
  form.update({ ...values, values: typed, fields: [...values.fields, field("more", "")] });
  expect(control("note").value).toBe("typed");
  expect(control("more").value).toBe("");
});
