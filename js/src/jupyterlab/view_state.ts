// What an element loses when it is taken out of the document and put back.

type Typed = HTMLInputElement | HTMLTextAreaElement;

/**
 * Remember focus, selection, scroll positions and a pressed button in an element.
 *
 * Returns what gives them back after it has been moved; the focus only if nobody else has
 * taken it in between.
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
      // Not where the element was taken away: then it has been put back by the end of this.
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
 * Finish clicks that are begun in an element before it is moved, and ended after that.
 *
 * A browser that has seen what was pressed leave the document sends no click to it. Returns
 * what is to be called when the element has been moved.
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

/** Where the cursor stands in a field; its own selection is not the document's. */
function caretOf(element: Element | null): [number, number] | null {
  const { selectionStart, selectionEnd } = (element ?? {}) as Typed;
  return typeof selectionStart === "number" && selectionEnd !== null ? [selectionStart, selectionEnd] : null;
}
