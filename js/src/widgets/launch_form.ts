import { widget } from "../core/adapter.ts";
import part from "../launch_form/part.ts";

export default widget(part);
