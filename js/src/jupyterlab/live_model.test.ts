import { expect, test } from "vitest";
import type { AnyModel } from "@anywidget/types";
import { openGate, type Comm, type CommMessage } from "./live_model.ts";

const MESSAGE: CommMessage = { content: { data: { method: "custom" } } };

class IpywidgetsModel {
  heard: CommMessage[] = [];
  async _handle_comm_msg(message: CommMessage): Promise<void> {
    this.heard.push(message);
  }
}

/** Like anywidget's model in a page that was busy for 2 s after its creation. */
class RejectedModel extends IpywidgetsModel {
  hear: (message: CommMessage) => unknown = () => this._handle_comm_msg();
  comm: Partial<Comm> = { on_msg: (hear) => void (this.hear = hear) };
  override async _handle_comm_msg(): Promise<void> {
    throw new Error("[anywidget] Failed to initialize model.");
  }
}

const anywidgets = (live: object | undefined): AnyModel => ({
  get: (name: string) => (name === "own_id" ? "id" : undefined),
  set: () => undefined,
  save_changes: () => undefined,
  send: () => undefined,
  on: () => undefined,
  off: () => undefined,
  widget_manager: { get_model: async () => live } as AnyModel["widget_manager"],
});

test("a model that anywidget has rejected hears the kernel all the same", async () => {
  const live = new RejectedModel();
  await expect(live.hear(MESSAGE)).rejects.toThrow("Failed to initialize");
  expect(await openGate(anywidgets(live))).toBe(live);
  await live.hear(MESSAGE);
  expect(live.heard).toEqual([MESSAGE]);
});

test("a front end that is none of ipywidgets' is left as it is", async () => {
  expect(await openGate(anywidgets(undefined))).toBeNull();
  expect(await openGate(anywidgets({ _handle_comm_msg: async () => undefined }))).toBeNull();
});
