// The state of a view that is lost when its element is moved in the document.

type Typed = HTMLInputElement | HTMLTextAreaElement;

/**
 * Record focus, selection, scroll positions and a pressed button in an element.
 *
 * Returns a function that restores them after the element has been moved. The focus is restored
 * only if no other element has it by then.
 */
export function composure(element: HTMLElement, signal: AbortSignal): () => void {
  let focused: HTMLElement | null = null;
  let caret: [number, number] | null = null;
  let selected: [Node, number, Node, number] | null = null;
  const scrolled = new Map<Element, [number, number]>();
  const moved = finishClicks(element, signal);
  const within = (node: Node | null): node is Node => node !== null && element.contains(node);

  element.addEventListener("focusin", (event) => (focused = event.target as HTMLElement), { signal });
  element.addEventListener(
    "focusout",
    () =>
      // If the element was moved, it is back in the document when this timeout runs.
      setTimeout(() => {
        if (element.isConnected && !within(document.activeElement)) focused = null;
      }),
    { signal },
  );
  element.addEventListener(
    "scroll",
    ({ target }) => {
      if (target instanceof Element) scrolled.set(target, [target.scrollLeft, target.scrollTop]);
    },
    { signal, capture: true, passive: true },
  );
  document.addEventListener(
    "selectionchange",
    () => {
      if (!element.isConnected) return;
      caret = caretOf(document.activeElement);
      const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = document.getSelection()!;
      const isText = !caret && !isCollapsed && within(anchorNode) && within(focusNode);
      selected = isText ? [anchorNode, anchorOffset, focusNode, focusOffset] : null;
    },
    { signal },
  );

  return () => {
    moved();
    for (const [target, [left, top]] of scrolled) {
      if (!within(target)) scrolled.delete(target);
      else target.scrollTo({ left, top, behavior: "instant" });
    }
    if (!element.isConnected) return;
    const isFree = [null, document.body].includes(document.activeElement as HTMLElement | null);
    if (isFree && within(focused)) {
      focused.focus({ preventScroll: true });
      if (caret) (focused as Typed).setSelectionRange(...caret);
    }
    if (selected && within(selected[0]) && within(selected[2])) {
      document.getSelection()!.setBaseAndExtent(...selected);
    }
  };
}

/**
 * Finish clicks that begin before an element is moved and end after that.
 *
 * A browser sends no click to a pressed element that has left the document. Returns a function to
 * call after the element has been moved.
 */
function finishClicks(element: HTMLElement, signal: AbortSignal): () => void {
  let pressed: Element | null = null;
  let isBroken = false;
  element.addEventListener(
    "mousedown",
    ({ button, target }) => {
      pressed = button === 0 ? (target as Element) : null;
      isBroken = false;
    },
    { signal, capture: true },
  );
  document.addEventListener(
    "mouseup",
    ({ button, target }) => {
      if (button !== 0 || !pressed) return;
      const down = pressed;
      pressed = null;
      let both = isBroken && target instanceof Element ? target : null;
      while (both && !both.contains(down)) both = both.parentElement;
      if (both && element.contains(both)) {
        both.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
      }
    },
    { signal, capture: true },
  );
  return () => (isBroken = true);
}

/** The selection in a text field, which is not part of the document's selection. */
function caretOf(element: Element | null): [number, number] | null {
  const { selectionStart, selectionEnd } = (element ?? {}) as Typed;
  return typeof selectionStart === "number" && selectionEnd !== null ? [selectionStart, selectionEnd] : null;
}
