// Elements made from plain values. Text goes in as text, never as markup.

export type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null;

function dress(element: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
}

/** Make an HTML element. */
export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  dress(element, attributes, children);
  return element;
}

/** Make an SVG element. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  dress(element, attributes, children);
  return element;
}

/** Set the text of an element if it differs, so that a screen reader does not repeat it. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Make these an element's children, without moving those that are in place. */
export function arrange(parent: Element, children: readonly Element[]): void {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const child of children) {
    if (child === at) at = child.nextElementSibling;
    else parent.insertBefore(child, at);
  }
}

/**
 * Move or remove parts of an element without losing the focus: if the focused part is removed, the
 * button in its place gets it.
 */
export function keepingFocus(element: Element, change: () => void): void {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || !element.contains(active)) return change();
  const place = [...element.querySelectorAll("button")].indexOf(active as HTMLButtonElement);
  change();
  const buttons = element.querySelectorAll("button");
  const instead = buttons[Math.min(Math.max(place, 0), buttons.length - 1)];
  (element.contains(active) ? active : instead)?.focus({ preventScroll: true });
}

const ICONS = {
  copy: "M5 2.5h7.5V11M2.5 5H10v8.5H2.5z",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
};

/** Make an icon, which is decorative: the button around it has the accessible name. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const attributes = { viewBox: "0 0 16 16", class: "nbr-icon", "aria-hidden": "true", focusable: "false" };
  return svg("svg", attributes, svg("path", { d: ICONS[name] }));
}

/** Copy a text to the clipboard; return whether that was allowed. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not a secure context, or no permission: the older API works in a click handler.
    const area = html("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
