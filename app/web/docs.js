// The API as /openapi.json describes it, to read and to try.
import {h, show} from './dom.js';

const main = document.getElementById('main');
const SHOWN = 20000; // characters of an answer

let api;

/** What a {$ref} inside of the document stands for. */
function resolve(node) {
  if (!node?.$ref) return node ?? {};
  return resolve(node.$ref.split('/').slice(1).reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], api));
}

/** `Words` in backquotes are code. */
const words = (text) => text.split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part));

/** Paragraphs, and lists of lines that begin with "- ". */
const prose = (text) => (text ?? '').trim().split(/\n\s*\n/).filter(Boolean).map((paragraph) =>
  paragraph.startsWith('- ')
    ? h('ul', {class: 'bullets'}, paragraph.slice(2).split(/\n- /).map((item) => h('li', {}, words(item))))
    : h('p', {}, words(paragraph)));

const example = (it) => it.example ?? resolve(Object.values(it.examples ?? {})[0]).value ?? it.schema?.examples?.[0] ?? it.schema?.example ?? it.schema?.default;

const pretty = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

const code = (text, label) => h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': label}, h('pre', {}, h('code', {}, text)));

function limits(given) {
  const schema = resolve(given);
  const says = [Array.isArray(schema.type) ? schema.type.join(' or ') : schema.type, schema.format,
    schema.minimum !== undefined && `from ${schema.minimum}`, schema.maximum !== undefined && `to ${schema.maximum}`,
    schema.default !== undefined && `default ${schema.default}`, schema.enum && `one of ${schema.enum.join(', ')}`];
  return says.filter(Boolean).join(', ');
}

function field(key, it) {
  const id = `${key}-${it.in}-${it.name}`;
  const sent = it.required ? example(it) : undefined;
  return h('div', {class: 'field'},
    h('label', {for: id}, h('code', {}, it.name), it.in === 'query' ? '' : ` (${it.in})`, it.required && ', needed'),
    h('input', {id, name: it.name, 'data-in': it.in, required: it.required, value: sent === undefined ? false : String(sent),
      placeholder: sent === undefined && example(it) !== undefined ? String(example(it)) : false, autocomplete: 'off',
      spellcheck: 'false', 'aria-describedby': `${id}-about`}),
    h('div', {class: 'quiet', id: `${id}-about`}, prose(it.description), h('p', {}, limits(it.schema))));
}

/** The request that the fields describe: [url, headers]. */
function request(path, form) {
  const query = new URLSearchParams();
  const headers = {Accept: 'application/json'};
  for (const input of form.querySelectorAll('input[name]')) {
    if (input.value === '') continue;
    if (input.dataset.in === 'path') path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    if (input.dataset.in === 'query') query.append(input.name, input.value);
    if (input.dataset.in === 'header') headers[input.name] = input.value;
  }
  return [query.size ? `${path}?${query}` : path, headers];
}

function body(text, type) {
  let shown = text;
  try {
    if (/json/.test(type ?? '')) shown = pretty(JSON.parse(text));
  } catch { /* shown as it came */ }
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n… ${shown.length - SHOWN} characters more` : shown;
}

async function send(path, form, place) {
  const [url, headers] = request(path, form);
  try {
    const begun = performance.now();
    const response = await fetch(url, {headers, cache: 'no-store'});
    const text = await response.text();
    const took = (performance.now() - begun).toFixed(1);
    show(place, [url, begun], () => [
      h('p', {}, h('strong', {}, `${response.status} ${response.statusText}`), ` for GET ${url} after ${took} ms`),
      code([...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n'), 'Headers of the answer'),
      code(body(text, response.headers.get('Content-Type')), 'Body of the answer')]);
  } catch (error) {
    show(place, String(error), (text) => h('p', {}, `No answer: ${text}`));
  }
}

function response(status, given) {
  const it = resolve(given);
  const [type, content] = Object.entries(it.content ?? {})[0] ?? [];
  const shown = content && example(content);
  return h('details', {},
    h('summary', {}, h('strong', {}, status), ' ', (it.description ?? '').split('\n')[0]),
    type && h('p', {class: 'quiet'}, type),
    shown !== undefined && code(pretty(shown), `Example of ${status}`));
}

function operation(path, it, shared) {
  const key = (it.operationId ?? path).replace(/[^A-Za-z0-9]+/g, '-');
  const parameters = [...(shared ?? []), ...(it.parameters ?? [])].map(resolve);
  const fields = (headers) => parameters.filter((it) => (it.in === 'header') === headers).map((it) => field(key, it));
  const answer = h('div', {class: 'answer', 'aria-live': 'polite'});
  const form = h('form', {onsubmit: (event) => {
    event.preventDefault();
    send(path, form, answer);
  }}, fields(false), fields(true).length > 0 && h('details', {}, h('summary', {}, 'Headers'), fields(true)),
  h('button', {class: 'button'}, 'Send'));
  return h('section', {class: 'operation', id: key, 'aria-labelledby': `${key}-title`},
    h('h2', {id: `${key}-title`}, h('code', {}, `GET ${path}`)),
    it.summary && h('p', {class: 'slogan'}, it.summary), prose(it.description),
    h('div', {class: 'columns'},
      h('div', {}, h('h3', {}, 'Try it'), form),
      h('div', {}, h('h3', {}, 'Answers'), Object.entries(it.responses ?? {}).map(([status, one]) => response(status, one)))),
    answer);
}

async function start() {
  const answer = await fetch('/openapi.json', {headers: {Accept: 'application/json'}});
  if (!answer.ok) throw new Error(`/openapi.json: ${answer.status}`);
  api = await answer.json();
  const operations = Object.entries(api.paths).filter(([, it]) => it.get).map(([path, it]) => operation(path, it.get, it.parameters));
  main.replaceChildren(
    h('div', {class: 'lead'}, h('h1', {tabindex: '-1'}, api.info.title), prose(api.info.description)),
    h('nav', {class: 'contents', 'aria-label': 'Routes'}, h('ul', {}, operations.map((it) =>
      h('li', {}, h('a', {href: `#${it.id}`}, it.querySelector('h2').textContent))))),
    ...operations);
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

start().catch(() => main.replaceChildren(h('section', {class: 'message'}, h('h1', {}, 'That did not work'),
  h('p', {}, 'The description of the API cannot be reached at the moment.')))).finally(() => main.removeAttribute('aria-busy'));
