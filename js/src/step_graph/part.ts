import { part } from "../core/adapter.ts";
import { stepGraph, type StepValues } from "./component.ts";

export default part<StepValues>(["steps", "progress", "selected"], (model, signal) =>
  stepGraph((selected) => model.give({ selected }), signal),
);
