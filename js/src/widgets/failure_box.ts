import { failureBox, type FailureValues } from "../run/failure.ts";
import { renderer } from "../shared/adapter.ts";

export default {
  render: renderer<FailureValues>(["failure"], () => failureBox()),
};
