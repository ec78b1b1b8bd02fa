// Compiled, never run: what must compile, and what must not.
import { createClient, typed, type LiveList } from '../src/index.js';

interface Post {
	id: number;
	title: string;
}

interface Views {
	'/api/posts': { row: Post; filters: { author_id?: number; author_id__in?: number[]; title__contains?: string } };
	'/api/people': { row: { id: string }; filters: Record<never, never> };
}

const api = typed<Views>(createClient({ base: 'http://localhost' }));

export const posts: LiveList<Post> = api.live('/api/posts', { author_id: 7, title__contains: 'a' });
export const all: LiveList<Post> = api.live('/api/posts');
export const people: LiveList<{ id: string }> = api.live('/api/people');
export const title: string | undefined = posts.get().items[0]?.title;

// @ts-expect-error no such path
api.live('/api/nothing');
// @ts-expect-error no such filter
api.live('/api/posts', { autor_id: 7 });
// @ts-expect-error a filter of another type
api.live('/api/posts', { author_id: 'seven' });
// @ts-expect-error this list has no filters
api.live('/api/people', { id: 'x' });
const wrong = { author_id: 7, colour: 'red' };
// @ts-expect-error nor may one come by way of a variable
api.live('/api/posts', wrong);
// @ts-expect-error items are not to be altered
posts.get().items.push({ id: 1, title: '' });
// @ts-expect-error it is a list of posts
export const others: LiveList<{ id: string }> = api.live('/api/posts');
