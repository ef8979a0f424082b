// Making and changing elements. What a server says goes in as text alone, and nothing is touched that has
// not changed: so focus, selection and scroll stay where they are.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; `attributes` as they are written, `children` elements or text. */
export function element(name, attributes = {}, ...children) {
  return furnished(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function drawing(name, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, name), attributes, children);
}

function furnished(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children);
  return node;
}

/** Show `text` in a node that holds nothing else. */
export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Set an attribute; null, undefined and false take it away, true sets it empty. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const wanted = value === true ? "" : String(value);
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
}

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}
