// Written by wakeful types. Do not edit: write it anew when the API changes.

export interface OddTableSX {
	id: number;
	parent?: OddTableSX;
}

export interface Class {
	id: number;
}

export interface Post {
	readonly id: number;
	title: string;
	readonly author: {
		name: string;
		default?: boolean;
	} | null;
	state: 'open' | 'it\'s done' | null;
	big: string | null;
	scores: (number | 'NaN' | null)[];
	/** any JSON */
	extra: unknown;
	'__proto__'?: string;
	class?: string;
	'line\u000abreak\\'?: string;
	'odd col-umn\'s'?: string;
}

export interface ViewsRow {
	/** date */
	date: string;
}

export interface PostNew {
	title: string;
	big?: string | null;
}

export interface PostUpdate {
	big?: string | null;
	title?: string;
}

/** What can be followed: typed<Views>(client).live(path, filters). */
export interface Views {
	'/api/odd%20table%27s': {
		row: OddTableSX;
		filters: Record<string, never>;
	};
	[path: `/api/orgs/${string}/posts`]: {
		row: Post;
		filters: Record<string, never>;
	};
	'/api/posts': {
		row: Post;
		filters: {
			/** author equals */
			author?: number | bigint | undefined;
			author__in?: number | bigint | readonly (number | bigint)[] | undefined;
			score__range?: readonly [number, number] | undefined;
			/** created * / is more than this */
			created__gt?: string | Date | undefined;
			state?: 'open' | 'it\'s done' | undefined;
			note__isnull?: boolean | undefined;
			'odd col-umn\'s'?: string | undefined;
			ordering?: 'title' | '-title' | readonly ('title' | '-title')[] | undefined;
			limit?: number | undefined;
		};
	};
	[path: `/api/posts/${string}`]: {
		row: Post;
		filters: Record<string, never>;
	};
	'/api/views': {
		row: ViewsRow;
		filters: Record<string, never>;
	};
	// /api/orgs/{org} is left out: as a pattern it would take other paths of these too.
}
