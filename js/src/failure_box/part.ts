import { failureBox, type FailureValues } from "./component.ts";
import { part } from "../core/adapter.ts";

export default part<FailureValues>(["failure"], () => failureBox());
