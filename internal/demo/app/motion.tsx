// Motion: what moved glides, what changed lights up.
import { Component, useEffect, useRef, type ReactNode, type RefObject } from 'react';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const ease = 'cubic-bezier(.2,.7,.2,1)';

type Places = Map<string, DOMRect>;

/** Lets everything in it that has a data-place glide to where it is drawn next. */
export class Glide extends Component<{ children: ReactNode }> {
	override getSnapshotBeforeUpdate(): Places {
		const places: Places = new Map();
		if (document.hidden || calm.matches) return places;
		for (const el of document.querySelectorAll<HTMLElement>('[data-place]')) places.set(el.dataset.place!, el.getBoundingClientRect());
		return places;
	}

	override componentDidUpdate(_props: unknown, _state: unknown, before: Places): void {
		if (before.size === 0) return;
		for (const el of document.querySelectorAll<HTMLElement>('[data-place]')) {
			const from = before.get(el.dataset.place!);
			const to = el.getBoundingClientRect();
			if (!from) el.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 250, easing: 'ease-out' });
			else if (from.x !== to.x || from.y !== to.y) glide(el, from.x - to.x, from.y - to.y);
		}
	}

	override render(): ReactNode {
		return this.props.children;
	}
}

function glide(el: HTMLElement, x: number, y: number): void {
	const zIndex = x ? 2 : 1;
	el.animate([{ transform: `translate(${x}px, ${y}px)`, zIndex }, { transform: 'none', zIndex }], { duration: x ? 420 : 260, easing: ease });
}

/** Lights an element up when its item becomes another one: an item that did not change is the same object. */
export function useFlash<E extends HTMLElement>(item: unknown): RefObject<E | null> {
	const element = useRef<E>(null);
	const before = useRef(item);
	useEffect(() => {
		if (before.current === item) return;
		before.current = item;
		const colour = getComputedStyle(document.documentElement).getPropertyValue('--flash');
		element.current?.animate([{ offset: 0, backgroundColor: colour }], { duration: 1200, easing: 'ease-out' });
	}, [item]);
	return element;
}
