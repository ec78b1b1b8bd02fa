// What every test here stands on: a folder, the board in it, and Chromium.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { Server } from './server.mjs';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

export class Stand {
  // open makes a folder and starts a browser; board says whether the demo runs.
  static async open(name, { board = true } = {}) {
    const s = new Stand();
    s.folder = await mkdtemp(join(tmpdir(), `wakeful-${name}-`));
    s.db = join(s.folder, 'board.db');
    if (board) {
      s.server = new Server(process.env.WAKEFUL_BINARY, s.db);
      await s.server.start();
    }
    s.browser = await launch();
    return s;
  }

  async close() {
    await this.browser?.close();
    await this.server?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

// random returns a source of whole numbers below n that a seed repeats.
export function random(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
