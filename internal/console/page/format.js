// Numbers, sizes and times as people read them.

const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(n) {
  if (n === undefined || n === null) return '–';
  if (n >= 1e6) return `${trim(n / 1e6)} M`;
  if (n >= 1e5) return `${trim(n / 1e3)} k`;
  return plain.format(n);
}

// rate has a fraction where it is small.
export const rate = (n) => (n === undefined ? '–' : n > 0 && n < 10 ? n.toFixed(1) : count(n));

const trim = (n) => (n < 10 ? n.toFixed(1).replace(/\.0$/, '') : n.toFixed(0));

export function bytes(n) {
  if (n === undefined || n === null) return '–';
  for (const [size, unit] of [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']]) {
    if (n >= size) return `${trim(n / size)} ${unit}`;
  }
  return `${n} B`;
}

export function ms(n) {
  if (n === undefined || n === null) return '–';
  if (n >= 60_000) return span(n / 1000);
  if (n >= 1000) return `${trim(n / 1000)} s`;
  if (n >= 10) return `${n.toFixed(0)} ms`;
  if (n >= 1) return `${trim(n)} ms`;
  if (n >= 0.001) return `${(n * 1000).toFixed(0)} µs`;
  return n > 0 ? '< 1 µs' : '0 ms';
}

// span is a time of so many seconds.
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ''}`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor((s % 3600) / 60)} min` : ''}`;
  return `${Math.floor(s / 86_400)} d`;
}

// ago tells how long something is past at a time of the server.
export const ago = (time, now) => (time ? (now - Date.parse(time) < 1500 ? 'now' : `${span((now - Date.parse(time)) / 1000)} ago`) : 'never');

export const clock = (time) => new Date(time).toLocaleTimeString('en-GB');

// precise has milliseconds: several things happen within a second.
export const precise = (time) => `${clock(time)}.${String(new Date(time).getMilliseconds()).padStart(3, '0')}`;

// short is as much of an id or a position as tells it from its neighbours.
export const short = (id) => (id.length > 14 ? id.slice(0, 10) : id);
export const shortPosition = (position) => (position.length > 14 ? `…${position.slice(-8)}` : position);

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// parameters are the names of those that a list was asked for with.
export const parameters = (names) => (names?.length ? `?${names.join('&')}` : '');
