import { failureBox, type FailureValues } from "../failure_box/component.ts";
import { widget } from "../core/adapter.ts";

export default widget<FailureValues>(["failure"], () => failureBox());
