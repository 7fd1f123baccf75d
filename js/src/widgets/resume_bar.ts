import { widget } from "../core/adapter.ts";
import part from "../resume_bar/part.ts";

export default widget(part);
