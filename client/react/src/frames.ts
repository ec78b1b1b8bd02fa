// What React shows of a client's lists: taken over for all of them at once, and
// at most once a frame, so that lists which changed together are rendered
// together, however often they change.
import type { Client, LiveList, State } from '@wakeful/client';

type AnyList = LiveList<unknown>;

/** One list as it is shown, which changes between frames only. */
export class Shown<T = unknown> {
	#listeners = new Set<() => void>();
	#state: State<T> | undefined;
	#first: Promise<State<T>> | undefined;
	#leave: (() => void) | undefined;

	constructor(
		readonly list: LiveList<T>,
		private readonly frames: Frames,
	) {}

	readonly get = (): State<T> => this.#state ?? this.list.get();

	readonly subscribe = (listener: () => void): (() => void) => {
		const own = (): void => listener();
		this.#listeners.add(own);
		if (!this.#leave) {
			this.#leave = this.list.subscribe(() => this.frames.change());
			this.#state = this.list.get();
			this.frames.watch(this as Shown);
		}
		return () => {
			if (!this.#listeners.delete(own) || this.#listeners.size) return;
			this.#leave?.();
			this.#leave = this.#state = undefined;
			this.frames.forget(this as Shown);
		};
	};

	/** Settles when the list is known, or refused. Who suspends on it has not subscribed yet. */
	first(): Promise<State<T>> {
		return (this.#first ??= this.list.ready().finally(() => (this.#first = undefined)));
	}

	/** Takes over the newest state; whether that is another. */
	take(): boolean {
		const newest = this.list.get();
		if (newest === this.#state) return false;
		this.#state = newest;
		return true;
	}

	tell(): void {
		for (const listener of [...this.#listeners]) listener();
	}
}

/** The frames of one client. */
export class Frames {
	#watched = new Set<Shown>();
	#shown = new WeakMap<AnyList, Shown>();
	#drawing = false;
	#late = false;

	/** The same for the same list. */
	of<T>(list: LiveList<T>): Shown<T> {
		let shown = this.#shown.get(list as AnyList);
		if (!shown) this.#shown.set(list as AnyList, (shown = new Shown(list as AnyList, this)));
		return shown as Shown<T>;
	}

	watch(shown: Shown): void {
		this.#watched.add(shown);
	}

	forget(shown: Shown): void {
		this.#watched.delete(shown);
	}

	/** Something has changed: the first change of a frame is shown at once, the rest with the next. */
	change(): void {
		if (this.#drawing) this.#late = true;
		else this.#show();
	}

	#show(): void {
		this.#late = false;
		const changed = [...this.#watched].filter((shown) => shown.take());
		if (!changed.length) return;
		this.#drawing = true;
		nextFrame(() => {
			this.#drawing = false;
			if (this.#late) this.#show();
		});
		for (const shown of changed) shown.tell();
	}
}

const all = new WeakMap<Client, Frames>();

export function framesOf(client: Client): Frames {
	let frames = all.get(client);
	if (!frames) all.set(client, (frames = new Frames()));
	return frames;
}

/** A tab that is not seen draws no frames, and is not to fall behind for it. */
const HIDDEN = 200;

function nextFrame(call: () => void): void {
	if (typeof requestAnimationFrame != 'function') {
		setTimeout(call, 16);
		return;
	}
	let done = false;
	const once = (): void => {
		if (done) return;
		done = true;
		clearTimeout(timer);
		cancelAnimationFrame(frame);
		call();
	};
	const timer = setTimeout(once, HIDDEN);
	const frame = requestAnimationFrame(once);
}
