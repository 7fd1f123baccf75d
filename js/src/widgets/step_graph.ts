import { widget } from "../core/adapter.ts";
import { stepGraph, type StepValues } from "../step_graph/component.ts";

export default widget<StepValues>(["steps", "progress", "selected"], (model, signal) =>
  stepGraph((name) => {
    model.set("selected", name);
    model.save_changes();
  }, signal),
);
