import { widget } from "../shared/adapter.ts";
import { stepGraph, type StepValues } from "../steps/component.ts";

export default widget<StepValues>(["steps", "progress", "selected"], (model, signal) =>
  stepGraph((name) => {
    model.set("selected", name);
    model.save_changes();
  }, signal),
);
