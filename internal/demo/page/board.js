// The page: lists that the server keeps, drawn; buttons that only write. No
// button changes anything on screen: what you see has come back as a diff.
import { Live } from './live.js';

const $ = (selector, inside = document) => inside.querySelector(selector);
const statuses = ['todo', 'doing', 'done'];
const choice = { project: '1', person: '1', ...JSON.parse(sessionStorage.choice ?? '{}') };
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const views = new Map(); // list → how to draw it

const live = new Live('/ws/', {
  state: showState,
  progress: showProgress,
  batch(lists) {
    const before = places();
    for (const list of lists) views.get(list)?.(list);
    glide(before);
    const failed = Object.values(followed).find((list) => list.error);
    $('#wrong').textContent = failed ? `${failed.url}: ${failed.error}` : '';
  },
});

// ---- which lists

const followed = {};

// follow draws the list of a URL in place of the one of that name before.
function follow(name, url, draw) {
  const old = followed[name];
  if (old?.url === url) return;
  if (old) {
    views.delete(old);
    live.leave(old);
  }
  followed[name] = live.follow(url);
  views.set(followed[name], draw);
}

function followChoice() {
  sessionStorage.choice = JSON.stringify(choice);
  for (const status of statuses) {
    const cards = $(`[data-status=${status}] .cards`);
    follow(status, `/api/tickets?project=${choice.project}&status=${status}`, (list) => draw(cards, list, makeTicket, fillTicket, 'ticket'));
  }
  follow('counts', `/api/counts?project=${choice.project}`, drawCounts);
  follow('mine', `/api/tickets?assignee=${choice.person}&status=open`, (list) => {
    draw($('#mine'), list, makeRow, (el, t) => fillRow(el, t.title, t.project), 'mine');
    $('#mineCount').textContent = list.rows.length ? `${list.rows.length} open` : 'nothing open';
  });
  for (const tab of $('#projects').children) tab.ariaPressed = String(tab.dataset.key === choice.project);
}

follow('people', '/api/people', drawPeople);
follow('projects', '/api/projects', (list) => {
  draw($('#projects'), list, makeTab, (el, p) => {
    $('.name', el).textContent = p.name;
    $('.count', el).textContent = p.open;
    el.ariaPressed = String(String(p.id) === choice.project);
  }, 'project');
});
followChoice();
follow('top', '/api/top', (list) => draw($('#top'), list, makeRow, (el, t) => fillRow(el, t.title, t.votes), 'top'));
follow('activity', '/api/activity', (list) => draw($('#activity'), list, makeRow, (el, e) => fillRow(el, e.what), 'activity'));
follow('writer', '/api/writer', drawWriter);

// ---- drawing

// draw makes the children of a box the rows of a list, and keeps those that stay.
function draw(box, list, make, fill, kind) {
  const had = new Map([...box.children].map((el) => [el.dataset.key, el]));
  const first = !box.dataset.url || box.dataset.url !== list.url;
  box.dataset.url = list.url;
  box.classList.toggle('empty', list.rows.length === 0);
  list.rows.forEach(({ key, item }, i) => {
    const stays = had.has(key);
    const el = had.get(key) ?? make(item);
    const text = JSON.stringify(item);
    if (!stays) {
      el.dataset.key = key;
      el.dataset.place = kind + key;
    }
    had.delete(key);
    if (el.shown !== text) {
      fill(el, item);
      if (!first && (stays || kind === 'ticket')) flash(el);
    }
    el.shown = text;
    if (box.children[i] !== el) box.insertBefore(el, box.children[i] ?? null);
  });
  for (const el of had.values()) el.remove();
}

function makeTicket() {
  const el = $('#ticket').content.firstElementChild.cloneNode(true);
  offerPeople($('.who', el));
  return el;
}

function fillTicket(el, t) {
  el.ticket = t;
  $('.title', el).textContent = t.title;
  $('.vote b', el).textContent = t.votes;
  $('.who', el).value = t.assignee_id;
  $('.avatar', el).textContent = t.assignee[0];
  $('.avatar', el).style.setProperty('--hue', t.assignee_id * 67);
  $('[data-act=back]', el).disabled = t.status === 'todo';
  $('[data-act=on]', el).disabled = t.status === 'done';
}

function makeTab() {
  const el = document.createElement('button');
  el.type = 'button';
  el.innerHTML = '<span class="name"></span> <span class="count"></span>';
  el.onclick = () => {
    choice.project = el.dataset.key;
    followChoice();
  };
  return el;
}

function makeRow() {
  const el = document.createElement('li');
  el.innerHTML = '<span class="text"></span><span class="note"></span>';
  return el;
}

function fillRow(el, text, note = '') {
  $('.text', el).textContent = text;
  $('.note', el).textContent = note;
}

function drawCounts(list) {
  for (const { item } of list.rows) $(`[data-status=${item.status}] h2 .count`).textContent = item.tickets;
}

function drawPeople() {
  for (const select of document.querySelectorAll('.who, #me')) offerPeople(select);
  $('#me').value = choice.person;
}

function offerPeople(select) {
  const value = select.value;
  select.replaceChildren(...(followed.people?.rows ?? []).map(({ item }) => new Option(item.name, item.id)));
  select.value = select.closest('.ticket')?.ticket?.assignee_id ?? value;
}

function drawWriter(list) {
  const writer = list.rows[0]?.item;
  if (!writer) return;
  $('#pause').textContent = writer.running ? 'Pause the writer' : 'Resume the writer';
  $('#pause').onclick = () => send('PATCH', '/api/writer', { running: !writer.running });
  if (document.activeElement !== $('#pace')) $('#pace').value = Math.log2(writer.per_second);
  $('#paceText').textContent = `${+writer.per_second.toPrecision(2)}/s`;
}

// ---- motion: what moved glides, what changed lights up

function places() {
  const found = new Map();
  if (document.hidden || calm.matches) return found;
  for (const el of document.querySelectorAll('[data-place]')) found.set(el.dataset.place, el.getBoundingClientRect());
  return found;
}

function glide(before) {
  if (before.size === 0) return;
  for (const el of document.querySelectorAll('[data-place]')) {
    const from = before.get(el.dataset.place);
    const to = el.getBoundingClientRect();
    if (!from) {
      el.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 250, easing: 'ease-out' });
    } else if (from.x !== to.x || from.y !== to.y) {
      const across = from.x !== to.x;
      el.animate([{ transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)`, zIndex: across ? 2 : 1 }, { transform: 'none', zIndex: across ? 2 : 1 }],
        { duration: across ? 420 : 260, easing: 'cubic-bezier(.2,.7,.2,1)' });
    }
  }
}

function flash(el) {
  const colour = getComputedStyle(document.documentElement).getPropertyValue('--flash');
  el.animate([{ offset: 0, backgroundColor: colour }], { duration: 1200, easing: 'ease-out' });
}

// ---- writing

async function send(method, url, fields = {}) {
  const began = performance.now();
  try {
    const answer = await fetch(url, { method, body: method === 'DELETE' ? null : new URLSearchParams(fields) });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const position = answer.headers.get('Wakeful-Position');
    if (!position) return;
    await live.reached(position);
    $('#trip').textContent = `your change was on screen after ${(performance.now() - began).toFixed(0)} ms`;
  } catch (error) {
    $('#trip').textContent = `not done: ${error.message}`;
  }
}

$('#board').addEventListener('click', (event) => {
  const button = event.target.closest('button');
  const t = button?.closest('.ticket')?.ticket;
  if (!t) return;
  const url = `/api/tickets/${t.id}`;
  const step = { back: -1, on: 1 }[button.dataset.act];
  if (button.classList.contains('vote')) send('POST', `${url}/vote`);
  else if (step) send('PATCH', url, { status: statuses[statuses.indexOf(t.status) + step] });
  else if (button.dataset.act === 'delete') send('DELETE', url);
  else send('POST', `${url}/move`, { by: button.dataset.act });
});

$('#board').addEventListener('change', (event) => {
  const t = event.target.closest('.ticket')?.ticket;
  if (t) send('PATCH', `/api/tickets/${t.id}`, { assignee: event.target.value });
});

$('#add').addEventListener('submit', (event) => {
  event.preventDefault();
  send('POST', '/api/tickets', { title: event.target.elements.title.value, project: choice.project, assignee: choice.person });
  event.target.reset();
});

$('#me').addEventListener('change', (event) => {
  choice.person = event.target.value;
  followChoice();
});

$('#pace').addEventListener('change', (event) => {
  send('PATCH', '/api/writer', { per_second: Math.min(20, Math.max(0.5, 2 ** event.target.value)).toFixed(2) });
  event.target.blur();
});

// ---- how it stands

function showState(state, detail) {
  const pill = $('#state');
  pill.dataset.state = state;
  pill.textContent = state + (detail ? `: ${detail}` : '');
  if (!$('#where').textContent) showWhere('');
}

function showProgress({ position, whole }) {
  const commit = parseInt(position.slice(8), 16).toLocaleString('en');
  showWhere(`${whole ? 'All lists show commit' : 'Up to commit'} ${commit} · `);
}

function showWhere(commit) {
  const { frames, bytes, connects } = live.counts;
  $('#where').textContent = `${commit}${frames.toLocaleString('en')} frames, ${(bytes / 1024).toFixed(1)} KB · ` +
    `${connects === 1 ? 'one connection' : `connection ${connects}`}`;
}

window.board = { live, followed }; // for the console, and for the tests
