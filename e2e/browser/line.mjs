// The network between a browser and a server, as a TCP line that can be cut in
// the ways networks are:
//
//	reset   each end is told at once (a proxy that ends, a cable pulled at the host)
//	silent  bytes vanish, and what was connected stays dead when the line is mended
//	        (a NAT that forgot, a sleeping access point)
//	held    bytes wait and come later, all of them (a tunnel, lost packets sent again)
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Line {
  constructor(url) {
    this.to = new URL(url);
    this.cuts = undefined; // the kind of cut that there is now
    this.pairs = new Set();
    this.server = createServer({ allowHalfOpen: true }, (near) => this.take(near));
  }

  async start() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  take(near) {
    near.on('error', () => {}); // its close follows
    if (this.cuts === 'reset') return near.resetAndDestroy();
    const far = connect({ host: this.to.hostname, port: this.to.port, allowHalfOpen: true });
    far.on('error', () => {});
    const pair = { near, far, dead: this.cuts === 'silent' };
    this.pairs.add(pair);
    near.setNoDelay();
    far.setNoDelay();
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (bytes) => pair.dead || to.write(bytes));
      from.on('end', () => pair.dead || to.end());
      from.on('close', () => {
        if (from.readableEnded && from.writableEnded && !from.errored) return;
        if (!pair.dead) to.destroy();
      });
      if (this.cuts === 'held') from.pause();
    }
    near.on('close', () => this.pairs.delete(pair));
  }

  cut(kind) {
    this.cuts = kind;
    for (const pair of this.pairs) {
      if (kind === 'reset') {
        pair.near.resetAndDestroy();
        pair.far.resetAndDestroy();
      }
      if (kind === 'silent') pair.dead = true;
      if (kind === 'held') for (const end of [pair.near, pair.far]) end.pause();
    }
  }

  mend() {
    if (this.cuts === 'held') for (const pair of this.pairs) for (const end of [pair.near, pair.far]) end.resume();
    this.cuts = undefined;
  }

  stop() {
    for (const { near, far } of this.pairs) {
      near.destroy();
      far.destroy();
    }
    return new Promise((closed) => this.server.close(closed));
  }
}
