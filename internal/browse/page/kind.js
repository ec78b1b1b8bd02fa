// What a field takes and shows, by its JSON schema.

const names = (schema) => (schema.anyOf ? schema.anyOf.flatMap(names) : [schema.type ?? []].flat());

// kindOf is one word for what a field holds.
export function kindOf(schema) {
  const types = names(schema);
  if (schema.enum) return 'choice';
  if (types.includes('boolean') && !types.includes('string')) return 'boolean';
  if (types.includes('array')) return 'json';
  if (types.includes('integer')) return 'integer';
  if (types.includes('number') && !types.includes('boolean')) return 'number';
  if (types.length === 1 || (types.length === 2 && types.includes('null'))) {
    if (schema.format === 'date-time') return 'timestamp';
    if (schema.format === 'date') return 'date';
    if (schema.contentEncoding === 'base64') return 'bytes';
    if (types.includes('string')) return schema.maxLength || schema.format ? 'line' : 'text';
  }
  return types.length ? 'any' : 'json';
}

export const nullable = (schema) => names(schema).includes('null') || (schema.enum?.includes(null) ?? false);

export const isNumber = (kind) => kind === 'integer' || kind === 'number';

const literal = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

// toJSON is a text that a person has written as JSON. What does not fit goes as
// text: the server says what is wrong with it.
export function toJSON(kind, text) {
  switch (kind) {
    case 'integer':
    case 'number':
      return literal.test(text.trim()) ? text.trim() : JSON.stringify(text.trim());
    case 'boolean':
      return text === 'true' || text === 'false' ? text : JSON.stringify(text);
    case 'timestamp':
      return JSON.stringify(fromPicker(text));
    case 'any':
    case 'json':
      try {
        JSON.parse(text);
        return text;
      } catch {
        return JSON.stringify(text);
      }
  }
  return JSON.stringify(text);
}

// A picker of times has neither a zone nor more than milliseconds: it shows UTC.
export function toPicker(text) {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)0*Z$/.exec(text);
  return found?.[1].replace(/\.0+$/, '');
}

export const fromPicker = (text) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? `${text}:00Z` : /^\d{4}-\d\d-\d\dT[\d:.]+$/.test(text) ? `${text}Z` : text);
