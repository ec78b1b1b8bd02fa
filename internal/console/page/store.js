// What is known of the server: live lists, each followed while somebody shows
// it, and what is asked for once.
import { createClient } from './wakeful.js';

const base = new URL('./', location.href.split('#')[0]);
const at = (path) => new URL(path, base);

export const client = createClient({ base, socketPath: at('ws/').pathname, prefix: at('api/queryobserver').pathname });

export let me = { auth: 'token', csrf: '', version: '', name: '' };

// Refusal is an answer that is none: it has the problem's code.
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? '';
  }
}

let loginEnded = () => {};
export const onLoginEnded = (told) => { loginEnded = told; };

// ask fetches JSON below api/; with sent it posts that.
export async function ask(path, sent) {
  const headers = sent === undefined ? {} : { 'Content-Type': 'application/json', 'Wakeful-Console': me.csrf };
  let answer;
  try {
    answer = await fetch(at(path), sent === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(sent) });
  } catch (cause) {
    throw new Refusal(0, { detail: 'The server cannot be reached.', code: 'network' }, { cause });
  }
  if (answer.ok) return answer.status === 204 ? undefined : answer.json();
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) loginEnded();
  throw new Refusal(answer.status, problem);
}

export async function meet() {
  me = await ask('api/me');
  return me;
}

const lists = new Map();
export const names = ['server', 'seconds', 'views', 'observers', 'connections', 'changes'];
for (const name of names) lists.set(name, client.live(at(`api/${name}`)));

export const items = (name) => lists.get(name).get().items;
export const state = (name) => lists.get(name).get();
export const server = () => items('server')[0];
export const observer = (id) => items('observers').find((one) => one.id === id);

// follow keeps lists live until what it returns is called; changed is told at
// most once a frame.
export function follow(wanted, changed) {
  let asked = 0;
  const soon = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      changed();
    });
  };
  const ways = wanted.map((name) => lists.get(name).subscribe(soon));
  return () => {
    cancelAnimationFrame(asked);
    for (const leave of ways) leave();
  };
}

// The clock of the server, from the newest second that it told of: what is shown
// as "ago" is by that one, however wrong the one here is.
let ahead = Infinity;
let newest = 0;
export function tick() {
  const last = items('seconds').at(-1)?.id;
  if (!last || last === newest) return;
  newest = last;
  const seen = Date.now() - (last + 1) * 1000;
  ahead = Math.abs(seen - ahead) > 5000 ? seen : Math.min(ahead, seen);
}
export const now = () => Date.now() - (Number.isFinite(ahead) ? ahead : 0);
