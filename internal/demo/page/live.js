// A small client for protocol version 2: live lists over one WebSocket.
//
//   const live = new Live('/ws/', { state, batch, progress });
//   const list = live.follow('/api/tickets?project=1');
//   list.rows        // [{ key, item }], the server's list, order included
//   live.leave(list)
//
// All lists that changed together are handed to `batch` together: the server
// says with `progress` when it has sent everything up to a commit.

const PATIENCE = 400; // ms that a change waits for the progress behind it

export class Live {
  constructor(path, { state = () => {}, batch = () => {}, progress = () => {} }) {
    this.base = new URL(path, location.href);
    this.base.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.tell = { state, batch, progress };
    this.session = random();
    this.lists = new Map(); // url → list
    this.asked = new Map(); // request id → list
    this.changed = new Set(); // lists that were changed and not shown yet
    this.waiting = []; // { position, done } until the stream has passed it
    this.position = '';
    this.attempt = 0;
    this.lastId = 0;
    this.counts = { frames: 0, bytes: 0, connects: 0 };
    addEventListener('online', () => this.retry && this.connect());
    this.connect();
  }

  // follow keeps the list of a URL up to date until it is left.
  follow(url) {
    let list = this.lists.get(url);
    if (!list) {
      list = { url, rows: [], observer: '', epoch: '', seq: 0, known: false, error: '' };
      this.lists.set(url, list);
      if (this.ready) this.subscribe(list);
    }
    return list;
  }

  leave(list) {
    this.lists.delete(list.url);
    this.changed.delete(list);
    if (this.ready && list.observer) this.send({ type: 'unsubscribe', observer: list.observer });
  }

  // reached resolves when all lists show what was committed at the position.
  reached(position) {
    return new Promise((done) => {
      this.waiting.push({ position, done });
      this.wake();
    });
  }

  // ---- the connection

  connect() {
    clearTimeout(this.retry);
    this.retry = this.ready = null;
    this.asked.clear();
    const socket = new WebSocket(new URL(this.session, this.base), 'wakeful.v2+json');
    this.socket = socket;
    this.counts.connects++;
    this.watch(10_000);
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.counts.frames++;
      this.counts.bytes += event.data.length;
      this.watch(this.silence);
      const frame = JSON.parse(event.data);
      this['on_' + frame.type]?.(frame); // frames of a later server are ignored
    };
    socket.onclose = (event) => this.socket === socket && this.lost(event.code, event.reason);
  }

  // watch drops a connection on which nothing comes, not even a heartbeat.
  watch(ms) {
    clearTimeout(this.silent);
    this.silent = setTimeout(() => {
      const socket = this.socket;
      this.lost(0, '');
      socket.close();
    }, ms);
  }

  lost(code, reason) {
    clearTimeout(this.silent);
    this.socket = this.ready = null;
    if (code === 4400 || code === 4401 || code === 4403) {
      this.tell.state('ended', reason);
      return;
    }
    if (code === 4409 || code === 4410) this.restart(); // the session is another's, or forgotten
    // A server that goes away says how long to wait, so that not all come at once.
    const told = code === 1012 && /\d+(\.\d+)?\s*m?s/.exec(reason);
    const slot = Math.min(8000, 250 * 2 ** this.attempt++);
    const wait = told ? milliseconds(told[0]) : slot / 2 + Math.random() * slot;
    this.retry = setTimeout(() => this.connect(), wait);
    this.tell.state('reconnecting', '');
  }

  // restart begins a new session: every list is asked for anew.
  restart() {
    this.session = random();
    for (const list of this.lists.values()) list.observer = list.epoch = '';
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  ask(message, list) {
    const id = String(++this.lastId);
    this.asked.set(id, list);
    this.send({ ...message, id });
  }

  subscribe(list) {
    this.ask({ type: 'subscribe', url: list.url }, list);
  }

  resume(list) {
    const { observer, epoch, seq, url } = list;
    this.ask({ type: 'resume', observers: { [observer]: { epoch, seq, url } } }, list);
  }

  // ---- what the server says

  on_hello(frame) {
    this.attempt = 0;
    this.ready = true;
    this.silence = 2 * frame.heartbeat_ms + 5000;
    this.watch(this.silence);
    // The first frame is a resume, in which nothing needs to be named.
    if (![...this.lists.values()].some((list) => list.observer)) this.send({ type: 'resume', observers: {} });
    for (const list of this.lists.values()) if (list.observer) this.resume(list);
    for (const list of this.lists.values()) if (!list.observer) this.subscribe(list);
    this.settle();
  }

  on_subscribed(frame) {
    const list = this.asked.get(frame.id);
    this.asked.delete(frame.id);
    if (!list) return;
    if (this.lists.get(list.url) !== list) { // left in the meantime
      const wanted = this.lists.has(list.url) || this.byObserver(frame.observer);
      if (!wanted) this.send({ type: 'unsubscribe', observer: frame.observer });
      return;
    }
    list.observer = frame.observer;
    if (list.error) this.mark(list);
    list.error = '';
    // Another epoch: a snapshot follows. The same: what was missed, if anything.
    if (list.epoch === frame.epoch && list.known) this.settle();
  }

  on_snapshot(frame) {
    const list = this.byObserver(frame.observer);
    if (!list || (list.epoch === frame.epoch && list.seq > frame.seq)) return;
    Object.assign(list, { epoch: frame.epoch, seq: frame.seq, key: frame.primary_key, meta: frame.meta, known: true });
    list.rows = frame.items.map((item, i) => ({ key: String(frame.keys?.[i] ?? item[frame.primary_key]), item }));
    this.mark(list);
    this.settle();
  }

  on_changes(frame) {
    const list = this.byObserver(frame.observer);
    if (!list || !list.known || (list.epoch === frame.epoch && frame.seq <= list.seq)) return;
    if (list.epoch !== frame.epoch || frame.seq !== list.seq + 1 || !apply(list, frame.ops)) {
      if (![...this.asked.values()].includes(list)) this.resume(list);
      return;
    }
    list.seq = frame.seq;
    this.mark(list);
  }

  on_progress(frame) {
    this.position = frame.position;
    this.show();
    this.settle();
    this.tell.progress(frame);
    this.wake();
  }

  on_stale(frame) {
    this.tell.state('stale', frame.reason);
  }

  on_closed(frame) {
    const list = this.byObserver(frame.observer);
    if (list) this.again(list, frame);
  }

  on_error(frame) {
    const list = this.asked.get(frame.id);
    if (list) this.again(list, frame);
  }

  // again asks for a list that the server ended or refused, after a while.
  again(list, { code, detail }) {
    for (const [id, other] of this.asked) if (other === list) this.asked.delete(id);
    Object.assign(list, { observer: '', epoch: '', error: detail || code });
    if (code === 'permission_revoked') list.rows = [];
    this.mark(list);
    this.settle();
    const wait = code === 'unknown_observer' ? 0 : 1000 + Math.random() * 2000;
    setTimeout(() => this.ready && this.lists.get(list.url) === list && !list.observer && this.subscribe(list), wait);
  }

  // ---- showing

  byObserver(observer) {
    for (const list of this.lists.values()) if (list.observer === observer) return list;
  }

  mark(list) {
    this.changed.add(list);
    this.patience ??= setTimeout(() => this.show(), PATIENCE);
  }

  // settle shows the lists and says live when nothing that was asked for is missing.
  settle() {
    if (!this.ready || this.asked.size > 0 || [...this.lists.values()].some((list) => !list.known && !list.error)) return;
    if (this.changed.size > 0) this.show();
    this.tell.state('live', '');
  }

  show() {
    clearTimeout(this.patience);
    this.patience = null;
    const changed = this.changed;
    this.changed = new Set();
    if (changed.size > 0) this.tell.batch(changed);
  }

  wake() {
    const passed = ({ position }) => position.slice(0, 8) !== this.position.slice(0, 8) || position <= this.position;
    for (const one of this.waiting.filter(passed)) one.done();
    this.waiting = this.waiting.filter((one) => !passed(one));
  }
}

// apply plays the ops of one diff on a list; false where they do not fit.
export function apply(list, ops) {
  const rows = list.rows.slice();
  for (const op of ops) {
    const at = op.op === 'added' ? -1 : rows.findIndex((row) => row.key === op.key);
    if (op.op === 'meta') list.meta = op.meta;
    else if (op.op === 'added') rows.splice(op.order, 0, { key: op.key, item: op.item });
    else if (at < 0) return false;
    else if (op.op === 'removed') rows.splice(at, 1);
    else if (op.op === 'changed') {
      const item = op.item ?? { ...rows[at].item, ...op.set };
      for (const name of op.unset ?? []) delete item[name];
      rows.splice(at, 1);
      rows.splice(op.order ?? at, 0, { key: op.key, item });
    }
  }
  list.rows = rows;
  return true;
}

function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function milliseconds(text) {
  return parseFloat(text) * (text.endsWith('ms') ? 1 : 1000);
}
