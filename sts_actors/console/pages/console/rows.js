// A list that follows its data in place: each item keeps its node for as long as it has its key.

export class Rows {
  #container;
  #keyOf;
  #make;
  #views = new Map();

  /**
   * @param {Element} container holds the rows' nodes and nothing else.
   * @param {(item) => string} keyOf tells items apart; of equal keys the first counts.
   * @param {(item) => {node: Element, update: (item) => void}} make a view for a new item.
   */
  constructor(container, keyOf, make) {
    this.#container = container;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  /** The view of a key, if it is shown. */
  get(key) {
    return this.#views.get(key);
  }

  /** Show these items in this order. */
  show(items) {
    const focused = document.activeElement;
    const wanted = new Map();
    for (const item of items) {
      const key = this.#keyOf(item);
      if (!wanted.has(key)) wanted.set(key, item);
    }
    for (const [key, view] of this.#views) {
      if (wanted.has(key)) continue;
      view.node.remove();
      this.#views.delete(key);
    }
    let next = this.#container.firstElementChild;
    for (const [key, item] of wanted) {
      let view = this.#views.get(key);
      if (!view) {
        view = this.#make(item);
        this.#views.set(key, view);
      }
      view.update(item);
      if (view.node === next) next = next.nextElementSibling;
      else this.#place(view.node, next);
    }
    // A node that was moved loses the focus where the browser cannot move it as it is.
    if (document.activeElement !== focused && this.#container.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }

  #place(node, next) {
    if (node.parentNode === this.#container && this.#container.moveBefore) {
      this.#container.moveBefore(node, next);
    } else {
      this.#container.insertBefore(node, next);
    }
  }
}
