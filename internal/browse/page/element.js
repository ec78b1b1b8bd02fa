// What pages are made of. No text becomes HTML: children are nodes or text.

// el makes an element. Attributes that are functions listen (onclick), false
// and undefined ones are left out.
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (typeof value === 'function') made.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') made[name] = value;
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

// select makes a choice of [value, text] pairs.
export function select(attributes, options, value) {
  const made = el('select', attributes, options.map(([of, text]) => el('option', { value: of }, text)));
  made.value = value;
  return made;
}

let counted = 0;
export const unique = (word) => `${word}-${++counted}`;
