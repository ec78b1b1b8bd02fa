// Requests, as any client sends them; and numbers as the server wrote them.
import { createClient } from './wakeful.js?browse';

export const page = document.documentElement.dataset;
const kept = 'wakeful.token';

// The token is kept for this tab alone.
export const token = {
  get: () => sessionStorage.getItem(kept) ?? undefined,
  set(text) {
    if (text) sessionStorage.setItem(kept, text);
    else sessionStorage.removeItem(kept);
  },
};

export const client = createClient({ base: location.href, socketPath: page.socket, prefix: page.prefix, token: token.get });

// Headers that an app may want to see of its own pages, from cookies that say so.
const proofs = [['csrftoken', 'X-CSRFToken'], ['XSRF-TOKEN', 'X-XSRF-TOKEN'], ['csrf_token', 'X-CSRF-Token']];

function proof() {
  const cookies = new Map(document.cookie.split('; ').map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
  return Object.fromEntries(proofs.filter(([name]) => cookies.has(name)).map(([name, header]) => [header, decoded(cookies.get(name))]));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ask sends a request and returns all that came of it. Nothing is thrown: what
// failed is an answer without a status.
export async function ask(method, url, { body, headers = {}, signal } = {}) {
  const asked = { method, url: String(url), body, response: undefined, status: 0, headers: [], text: '', json: undefined, error: '' };
  const init = { method, cache: 'no-store', headers: { Accept: 'application/json, application/problem+json', ...headers }, ...(signal && { signal }) };
  if (body !== undefined) Object.assign(init, { body, headers: { ...init.headers, ...proof(), 'Content-Type': 'application/json' } });
  else if (method === 'DELETE') Object.assign(init.headers, proof());
  try {
    asked.response = await client.fetch(url, init);
    asked.status = asked.response.status;
    asked.headers = [...asked.response.headers];
    asked.text = await asked.response.text();
  } catch (error) {
    asked.error = error.message || String(error);
    return asked;
  }
  try {
    asked.json = parse(asked.text);
  } catch {
    // it is no JSON: text says what it is
  }
  return asked;
}

export const ok = (asked) => asked.status >= 200 && asked.status < 300;

// why says what is wrong, in the server's words where it has some.
export function why(asked) {
  if (asked.error) return `The server cannot be reached: ${asked.error}`;
  const problem = asked.json;
  return problem?.detail || problem?.title || `The server answered ${asked.status}.`;
}

// parse reads JSON so that no number loses a digit, where the browser can.
export function parse(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && String(value) !== context?.source && context?.source ? JSON.rawJSON(context.source) : value);
}

export const exact = (value) => JSON.isRawJSON?.(value) ?? false;

// written is a value as a person writes it.
export function written(value) {
  if (value === null || value === undefined) return '';
  if (exact(value)) return value.rawJSON;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// rowURL is the address of a row by its key, as lists have it.
export function rowURL(list, key, parts) {
  const base = list.pathname.replace(/\/$/, '');
  return new URL(base + '/' + (parts > 1 ? key : encodeURIComponent(key)), list);
}
