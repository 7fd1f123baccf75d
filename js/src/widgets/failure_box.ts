import { failureBox, type FailureValues } from "../run/failure.ts";
import { widget } from "../shared/adapter.ts";

export default widget<FailureValues>(["failure"], () => failureBox());
