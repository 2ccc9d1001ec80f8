// Is what is read what was committed? k6/writer writes stamps by SQL and tells which; here they are read and judged.
// See there and README.md for why no two clocks are compared.
import http from 'k6/http';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
import { GZIP, count, seconds, setting, spread, valueOf } from './lib.js';

const WRITER = setting('WRITER');
const BOUND_MS = Number(setting('BOUND_MS'));
const FAULTS = Boolean(__ENV.FAULTS_EVERY);

export const TARGETS = setting('TARGETS').split(',').map((target) => {
    const [name, url] = target.split('=');
    return { name, url };
});
// Each virtual user keeps to one target, so that each target is asked on connections of its own.
export const target = TARGETS[__VU % TARGETS.length];

const stale = new Rate('stale'); // of the judged reads, by kind and target
const staleSaid = new Counter('stale_said'); // those whose Cache-Status said so
const judged = new Counter('judged');
const staleness = new Trend('staleness', true); // of answers that said nothing: for how long what they lack was committed
const notYet = new Rate('not_yet'); // answers to Catalogue-At-Least: 503
const notFresh = new Rate('not_fresh'); // of the same: 503 to the last, too; late, but honest
const promiseTime = new Trend('promise_time', true);
const written = new Gauge('stamps_written');
const writerErrors = new Gauge('writer_errors');

const promiseStatuses = http.expectedStatuses(200, 404, 503);

// For `rounds` rounds a second. While faults are made, an answer may be old if it says so, and the writer's
// transactions may fail; else neither.
export function stampThresholds(rounds) {
    const length = seconds(setting('DURATION'));
    return {
        stale: ['rate==0'],
        staleness: [`max<${BOUND_MS}`],
        judged: [`count>=${(FAULTS ? 3 : 5) * rounds * length}`],
        not_fresh: [FAULTS ? 'rate<0.05' : 'rate<0.01'],
        stamps_written: [`value>=${(Number(setting('CHANGES')) / 4) * length}`],
        writer_errors: [FAULTS ? 'value>=0' : 'value==0'],
        ...Object.fromEntries(TARGETS.map(({ name }) => [`judged{target:${name}}`, ['count>0']])), // each is in the report
    };
}

function tagged(kind, more = {}) {
    return { headers: GZIP, timeout: '10s', responseType: 'text', tags: { kind, target: target.name, name: kind }, ...more };
}

const readAll = (checks, kind) => http.batch(checks.map((check) => ['GET', target.url + check.path, null, tagged(kind)]));

// One round of checks, about fifteen reads.
export function round() {
    const answer = http.get(`${WRITER}/checks`, { responseType: 'text', tags: { kind: 'writer', name: 'writer' } });
    if (answer.status !== 200) {
        return; // http_req_failed
    }
    const told = Date.now();
    const { young, bound, promise, written: stamps, errors } = answer.json();
    written.add(stamps);
    writerErrors.add(errors);
    const waited = Date.now() - told;
    readAll(young, 'young').forEach((each, i) => measure(each, young[i], waited)); // first: these are about this very moment
    promise.forEach(keepsPromise);
    readAll(bound, 'bound').forEach((each, i) => judge(each, bound[i], 'bound'));
}

// Asks for what was committed just now, again if it is told "not yet", as long as that is within the bound.
function keepsPromise(check) {
    const headers = { ...GZIP, 'Catalogue-At-Least': `xid=${check.xid}` };
    const how = tagged('promise', { headers, responseCallback: promiseStatuses });
    const start = Date.now();
    let answer;
    do {
        answer = http.get(target.url + check.path, how);
        notYet.add(answer.status === 503);
    } while (answer.status === 503 && Date.now() - start < BOUND_MS);
    promiseTime.add(Date.now() - start);
    notFresh.add(answer.status === 503);
    judge(answer, check, 'promise');
}

// A read that had no answer is no stale read, but a failed one.
const isAnswer = (answer) => answer.status === 200 || answer.status === 404;
const saysSo = (answer) => /ttl=-|detail=/.test(answer.headers['Cache-Status']);

// For how long the oldest stamp that is not shown had been committed when the read began, at the least; 0: all are shown.
function measure(answer, { stamps }, waited) {
    if (!isAnswer(answer) || saysSo(answer)) {
        return;
    }
    const shown = newestStamp(answer.body);
    const lacking = stamps.find(([stamp]) => stamp > shown);
    staleness.add(lacking ? lacking[1] + waited : 0, { target: target.name });
}

function judge(answer, check, kind) {
    if (!isAnswer(answer)) {
        return;
    }
    const shown = newestStamp(answer.body);
    const tags = { kind, target: target.name };
    const old = shown < check.stamp;
    const said = old && saysSo(answer);
    judged.add(1, tags);
    staleSaid.add(said);
    stale.add(old && !(said && FAULTS && kind === 'bound'), tags);
    if (old) {
        console.error(`old (${kind}): ${target.name}${check.path} shows stamp ${shown}, not ${check.stamp} (written in ${check.way}); ` +
            `status ${answer.status}, Cache-Status: ${answer.headers['Cache-Status'] || 'none'}`);
    }
}

// 0 if it shows none, such as a 404.
function newestStamp(body) {
    return Math.max(0, ...[...String(body).matchAll(/\bstamp (\d+)/g)].map((match) => Number(match[1])));
}

// For the report.
export function stampFigures(data) {
    const of = (metric, value) => valueOf(data, metric, value);
    return {
        judged: of('judged', 'count'),
        stale: of('stale', 'passes'),
        stale_said: of('stale_said', 'count'),
        staleness_max_ms: of('staleness', 'max'),
        promises: of('not_fresh', 'passes') + of('not_fresh', 'fails'),
        not_yet: of('not_yet', 'passes'),
        not_fresh: of('not_fresh', 'passes'),
        stamps_written: of('stamps_written', 'value'),
        writer_errors: of('writer_errors', 'value'),
    };
}

export function stampLines(data, figures) {
    return [
        `judged     ${count(figures.judged)} reads over ${TARGETS.map(({ name }) => name).join(', ')}: ${count(figures.stale)} stale; ${count(figures.stale_said)} old ones said so`,
        `written    ${count(figures.stamps_written)} stamps by SQL; the writer had ${figures.writer_errors} errors`,
        `staleness  ${spread(data, 'staleness')}   of answers right after a commit`,
        `promises   ${count(figures.promises)} reads with Catalogue-At-Least: ${figures.not_yet} were told "not yet", ${figures.not_fresh} for ${BOUND_MS} ms`,
        `           ${spread(data, 'promise_time')}   until the answer, right after the commit`,
    ];
}
