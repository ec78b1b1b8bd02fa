// What must compile with board.ts, and what must not.
import type { Post, PostNew, PostUpdate, Views, ViewsRow } from './board.js';

type Path = keyof Views & string;

declare function live<P extends Path>(path: P, filters?: Views[P]['filters']): readonly Views[P]['row'][];

const posts: readonly Post[] = live('/api/posts', { author: 7, ordering: '-title', limit: 3, created__gt: new Date() });
live('/api/posts', { author: 7n, author__in: [1, 2n], ordering: ['title', '-title'], "odd col-umn's": 'x' });
live('/api/posts', { author: undefined, state: "it's done", score__range: [0, 1.5], note__isnull: true });
live('/api/posts');
const one: readonly Post[] = live(`/api/posts/${7}`);
const org: readonly Post[] = live('/api/orgs/7/posts');
const views: readonly ViewsRow[] = live('/api/views');

// @ts-expect-error no such path
live('/api/nothing');
// @ts-expect-error no such path: it cannot be observed
live('/api/not/live');
// @ts-expect-error no such filter
live('/api/posts', { autor: 7 });
// @ts-expect-error no such lookup
live('/api/posts', { author__contains: 'x' });
// @ts-expect-error a number is wanted
live('/api/posts', { author: '7' });
// @ts-expect-error no such ordering
live('/api/posts', { ordering: 'score' });
// @ts-expect-error no such state
live('/api/posts', { state: 'closed' });
// @ts-expect-error two are wanted
live('/api/posts', { score__range: [1] });
// @ts-expect-error a boolean is wanted
live('/api/posts', { note__isnull: 'yes' });
// @ts-expect-error observe is the client's own
live('/api/posts', { observe: 'me' });
// @ts-expect-error nothing filters one row
live('/api/posts/7', { author: 7 });

const made: PostNew = { title: 'x', big: '9007199254740993' };
const altered: PostUpdate = { big: null };
// @ts-expect-error a title is needed
const untitled: PostNew = { big: null };
// @ts-expect-error big numbers are texts
const big: PostNew = { title: 'x', big: 9007199254740993 };

declare const post: Post;
const id: number = post.id;
const name: string | undefined = post.author?.name;
const state: 'open' | "it's done" | null = post.state;
const word: string | undefined = post.class;
const odd: string | undefined = post["odd col-umn's"];
// @ts-expect-error it may be null
const length: number = post.big.length;
// @ts-expect-error it is only read
post.id = 7;
// @ts-expect-error what is any JSON has to be looked at first
const extra: string = post.extra;

export { posts, one, org, views, made, altered, untitled, big, id, name, state, word, odd, length, extra };
